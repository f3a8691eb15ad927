//! The files that the pages are made of, embedded in the program.

/// A file, and where it is.
#[derive(Debug)]
pub(super) struct Asset {
    path: &'static str,
    pub(super) content_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html;charset=UTF-8";
const SCRIPT: &str = "text/javascript;charset=UTF-8";

/// Where the path of the endpoint goes.
const ENDPOINT: &str = "@ENDPOINT@";

/// Header lines that go with everything here: the pages load nothing from elsewhere, run no
/// script that stands in a page, and are nobody's frame.
pub(super) const SAFETY: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'\r\nCross-Origin-Resource-Policy: same-origin\r\n\
     Cross-Origin-Opener-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n";

static ASSETS: [Asset; 8] = [
    Asset {
        path: "/",
        content_type: HTML,
        text: include_str!("chat.html"),
    },
    Asset {
        path: "/inspector",
        content_type: HTML,
        text: include_str!("inspector.html"),
    },
    Asset {
        path: "/pages/bayeux.js",
        content_type: SCRIPT,
        text: include_str!("bayeux.js"),
    },
    Asset {
        path: "/pages/chat.js",
        content_type: SCRIPT,
        text: include_str!("chat.js"),
    },
    Asset {
        path: "/pages/inspector.js",
        content_type: SCRIPT,
        text: include_str!("inspector.js"),
    },
    Asset {
        path: "/pages/traffic.js",
        content_type: SCRIPT,
        text: include_str!("traffic.js"),
    },
    Asset {
        path: "/pages/style.css",
        content_type: "text/css;charset=UTF-8",
        text: include_str!("style.css"),
    },
    Asset {
        path: "/pages/icon.svg",
        content_type: "image/svg+xml",
        text: include_str!("icon.svg"),
    },
];

impl Asset {
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|it| it.path == path)
    }

    /// The file, with the path of the endpoint where it is wanted.
    pub(super) fn text(&self, endpoint: &str) -> String {
        match self.content_type {
            HTML => self.text.replace(ENDPOINT, &escaped(endpoint)),
            _ => self.text.to_owned(),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_endpoint_is_text_in_the_page() {
        let page = Asset::at("/").unwrap().text(r#"/a"><script>&"#);
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
