//! The option for a proxy, and the environment's variables for one.

use bayeux::transport::{Endpoint, Proxy};

use super::exit::Stop;

#[derive(clap::Args, Debug)]
pub(crate) struct ProxyArgs {
    /// Go through an HTTP proxy, `HOST:PORT` or `http://USER:PASS@HOST:PORT`, or none. Without
    /// this option the variables https_proxy, http_proxy, all_proxy and no_proxy count, for
    /// other hosts than this machine.
    #[arg(short = 'x', long, value_name = "URL")]
    proxy: Option<String>,
}

impl ProxyArgs {
    /// The proxy for this endpoint.
    pub(crate) fn proxy(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, Stop> {
        let environment = |name: &str| std::env::var(name).ok();
        Proxy::choose(self.asked(), environment, endpoint).map_err(|error| {
            // The value is never repeated: it may hold a password.
            Stop::usage(error.to_string())
                .cause(error.source)
                .hint("-x http://HOST:PORT, or `-x none` for no proxy at all")
        })
    }

    /// What was typed.
    pub(crate) fn asked(&self) -> Option<&str> {
        self.proxy.as_deref()
    }
}
