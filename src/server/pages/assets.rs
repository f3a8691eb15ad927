//! The files that the pages are made of, embedded in the program.

use super::Subject;
use crate::markup::escaped;

/// A file, and where it is.
#[derive(Debug)]
pub(super) struct Asset {
    path: &'static str,
    pub(super) content_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html;charset=UTF-8";
const SCRIPT: &str = "text/javascript;charset=UTF-8";
const STYLE: &str = "text/css;charset=UTF-8";
const IMAGE: &str = "image/svg+xml";

/// Where the path of the endpoint goes.
const ENDPOINT: &str = "@ENDPOINT@";

/// The link to the chat, where there is one.
const CHAT: &str = r#"<a href="/">Chat</a> "#;

/// Header lines that go with everything here: the pages load nothing from elsewhere, run no
/// script that stands in a page, and are nobody's frame.
pub(super) const SAFETY: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'\r\nCross-Origin-Resource-Policy: same-origin\r\n\
     Cross-Origin-Opener-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n";

static ASSETS: [Asset; 8] = [
    Asset::new("/", HTML, include_str!("chat.html")),
    Asset::new("/inspector", HTML, include_str!("inspector.html")),
    Asset::new("/pages/bayeux.js", SCRIPT, include_str!("bayeux.js")),
    Asset::new("/pages/chat.js", SCRIPT, include_str!("chat.js")),
    Asset::new("/pages/inspector.js", SCRIPT, include_str!("inspector.js")),
    Asset::new("/pages/traffic.js", SCRIPT, include_str!("traffic.js")),
    Asset::new("/pages/style.css", STYLE, include_str!("style.css")),
    Asset::new("/pages/icon.svg", IMAGE, include_str!("icon.svg")),
];

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, text: &'static str) -> Self {
        Self {
            path,
            content_type,
            text,
        }
    }

    pub(super) fn at(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|it| it.path == path)
    }

    /// What is there in its place: a proxy has no chat, whose clients would not pass it.
    pub(super) fn of(&'static self, subject: Subject) -> &'static Self {
        match subject {
            Subject::Proxy if self.path == "/" => Self::at("/inspector").unwrap_or(self),
            Subject::Proxy | Subject::Server(_) => self,
        }
    }

    /// The file, with the path of the endpoint where it is wanted.
    pub(super) fn text(&self, endpoint: &str, subject: Subject) -> String {
        let (command, chat) = match subject {
            Subject::Server(_) => ("serve", CHAT),
            Subject::Proxy => ("proxy", ""),
        };
        match self.content_type {
            HTML => self
                .text
                .replace("@COMMAND@", command)
                .replace("@CHAT@", chat)
                .replace(ENDPOINT, &escaped(endpoint)),
            _ => self.text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Flavor;

    const SERVER: Subject = Subject::Server(Flavor::CometD);

    #[test]
    fn the_path_of_the_endpoint_is_text_in_the_page() {
        let page = Asset::at("/").unwrap().text(r#"/a"><script>&"#, SERVER);
        assert!(
            page.contains(r#""/a&quot;&gt;&lt;script&gt;&amp;""#),
            "{page}"
        );
        assert!(!page.contains(ENDPOINT));
    }

    #[test]
    fn what_a_page_names_is_there_and_nothing_is_from_elsewhere() {
        for asset in &ASSETS {
            for mark in ["src=\"", "href=\"", "from \"."] {
                for named in asset.text.split(mark).skip(1) {
                    let named = named.split('"').next().unwrap_or_default();
                    let path = match mark {
                        "from \"." => format!("/pages{named}"),
                        _ => named.to_owned(),
                    };
                    assert!(
                        Asset::at(&path).is_some() || path.starts_with('#'),
                        "{}: {named}",
                        asset.path
                    );
                }
            }
            assert!(!asset.text.contains("innerHTML"), "{}", asset.path);
            assert!(!asset.text.contains("<style"), "{}", asset.path);
            assert!(!asset.text.contains("style=\""), "{}", asset.path);
        }
    }
}
