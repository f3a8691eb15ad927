//! Which names look like the name of a credential.

/// Words that name a credential wherever they stand in a name.
const WORDS: [&str; 16] = [
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "jwt",
    "key",
    "passphrase",
    "pwd",
    "session",
    "sessionid",
    "sid",
    "signature",
];

/// And those that do so at the end of a word too: `usertoken`.
const ENDINGS: [&str; 6] = ["token", "tokens", "secret", "secrets", "password", "passwd"];

/// Whether one word of the name is among those of credentials: `access_token`, `X-Api-Key`
/// and `sessionId` are credentials, `author` and `keyboard` are not.
pub(super) fn is_credential(name: &str) -> bool {
    words(name).any(|word| {
        let word = word.to_lowercase();
        WORDS.contains(&word.as_str()) || ENDINGS.iter().any(|it| word.ends_with(it))
    })
}

/// Cuts at everything that is no letter, and where a capital follows a small letter
/// (`apiKey`) or begins the last word after an acronym (`JWTToken`).
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|it: char| !it.is_alphabetic()).flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            let mut letters = rest.char_indices().peekable();
            let (_, mut before) = letters.next()?;
            while let Some((at, letter)) = letters.next() {
                let next = letters.peek().map(|(_, it)| *it);
                let ends_acronym = before.is_uppercase() && next.is_some_and(char::is_lowercase);
                if letter.is_uppercase() && (before.is_lowercase() || ends_acronym) {
                    let (word, tail) = rest.split_at(at);
                    rest = tail;
                    return Some(word);
                }
                before = letter;
            }
            Some(std::mem::take(&mut rest))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_into_its_words() {
        let cut = |name| words(name).collect::<Vec<_>>();
        assert_eq!(cut("accessToken"), ["access", "Token"]);
        assert_eq!(cut("JWTToken2_x"), ["JWT", "Token", "x"]);
        assert_eq!(cut("API-KEY"), ["API", "KEY"]);
        assert_eq!(cut("É.é"), ["É", "é"]);
        assert!(cut("..1").is_empty());
    }

    #[test]
    fn names_of_credentials_are_told_by_whole_words() {
        for name in [
            "token",
            "access_token",
            "com.example.Auth",
            "X-Api-Key",
            "apikey",
            "usertoken",
            "sessionId",
            "SID",
            "userPassword",
        ] {
            assert!(is_credential(name), "{name}");
        }
        for name in [
            "author", "keyboard", "replay", "ack", "timesync", "side", "",
        ] {
            assert!(!is_credential(name), "{name}");
        }
    }
}
