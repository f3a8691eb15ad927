//! Names with `*` in them, which stands for anything.

use std::str::FromStr;

/// A name, or what several names look like: `hs.*`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Glob(String);

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("a name, or `*` in one for anything: hs.*".to_owned()),
            text => Ok(Self(text.to_owned())),
        }
    }
}

impl Glob {
    /// Whether this is such a name.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let matches = |glob: &str, name| glob.parse::<Glob>().unwrap().matches(name);
        assert!(matches("hs.fields", "hs.fields") && !matches("hs.fields", "hs.fields-2"));
        assert!(matches("hs.*", "hs.fields") && !matches("hs.*", "ths.fields"));
        assert!(matches("*.fields", "sub.fields") && matches("*", "x"));
        assert!(matches("s*b.*e*ds", "sub.fields") && !matches("s*b.*x*ds", "sub.fields"));
        assert!(!matches("ab*ba", "aba"));
        assert!("".parse::<Glob>().is_err());
    }
}
