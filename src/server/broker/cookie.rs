//! Reading the `Cookie` header.

/// The value of a cookie in a `Cookie` header; an empty one does not count.
pub(super) fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let pairs = header.split(';').filter_map(|it| it.split_once('='));
    let mut values = pairs.filter(|(known, _)| known.trim() == name);
    values
        .next()
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let header = "a=1; BAYEUX_BROWSER=x=y ;XBAYEUX_BROWSER=2";
        assert_eq!(value(header, "BAYEUX_BROWSER"), Some("x=y"));
        assert_eq!(value("XBAYEUX_BROWSER=2; a", "BAYEUX_BROWSER"), None);
        assert_eq!(value("BAYEUX_BROWSER=", "BAYEUX_BROWSER"), None);
    }
}
