//! Texts with `*` in them, which stands for anything.

use std::str::FromStr;

use serde::Deserialize;

/// A text, or what several texts look like: `hs.*`.
///
/// ```
/// use bayeux::check::Glob;
///
/// let glob: Glob = "hs.*".parse()?;
/// assert!(glob.matches("hs.fields") && !glob.matches("con.fields"));
/// # Ok::<(), bayeux::check::EmptyGlob>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Glob(String);

/// A glob that no text is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name, or `*` in one for anything: hs.*")]
pub struct EmptyGlob;

impl FromStr for Glob {
    type Err = EmptyGlob;

    fn from_str(text: &str) -> Result<Self, EmptyGlob> {
        match text {
            "" => Err(EmptyGlob),
            text => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Glob {
    type Error = EmptyGlob;

    fn try_from(text: String) -> Result<Self, EmptyGlob> {
        text.parse()
    }
}

impl Glob {
    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is such a text.
    pub fn matches(&self, name: &str) -> bool {
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
