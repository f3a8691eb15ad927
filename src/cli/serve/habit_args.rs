//! The options that change what CometD would do, whom the server passes for unless told
//! otherwise.

use std::time::Duration;

use bayeux::server::{BrowserCookie, ChannelGrammar, Flavor, Retention, Settings};

use super::super::exit::Stop;
use super::super::values;
use super::limit_args::whole;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Habits, of the cometd flavor alone")]
pub(super) struct HabitArgs {
    /// Serve whoever shows a session's client id. Without it --flavor cometd also wants its
    /// cookie BAYEUX_BROWSER with every request, as CometD does: a client that drops cookies
    /// gets 402::session_unknown.
    #[arg(long)]
    trust_client_id: bool,

    /// Refuse channels that the grammar of Bayeux 1.0 does not know, with dots or spaces for
    /// instance.
    #[arg(long)]
    strict: bool,

    /// Keep the last messages of all channels together, for subscribes with `ext.replay`.
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    retain: Option<u64>,

    /// Forget what is older; without it the number alone counts.
    #[arg(long, value_name = "DUR", value_parser = values::patience)]
    retain_age: Option<Duration>,

    /// End sessions whose clients send nothing but connects for so long, as CometD's activity
    /// extension does.
    #[arg(long, value_name = "DUR", value_parser = values::patience)]
    max_inactivity: Option<Duration>,

    /// Hold connects for so many sessions of one browser, told by its cookie, and advise the
    /// others to poll (`multiple-clients`). CometD says 1.
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    max_per_browser: Option<u64>,
}

impl HabitArgs {
    /// Puts what is asked for into the settings.
    pub(super) fn apply(self, settings: &mut Settings) -> Result<(), Stop> {
        let given = [
            ("--strict", self.strict),
            ("--retain", self.retain.is_some()),
            ("--max-inactivity", self.max_inactivity.is_some()),
            ("--max-per-browser", self.max_per_browser.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given)
            && settings.flavor != Flavor::CometD
        {
            let error = format!("{option}: {} has rules of its own", settings.flavor);
            return Err(Stop::usage(error).hint("leave it out, or take --flavor cometd"));
        }
        let wants_cookie = settings.browser_cookie == BrowserCookie::Required;
        if self.trust_client_id && !wants_cookie {
            let error = "--trust-client-id: no cookie is wanted";
            return Err(Stop::usage(error).hint("only --flavor cometd wants one"));
        }
        if self.retain_age.is_some() && self.retain.is_none() {
            let error = "--retain-age: nothing is kept";
            return Err(Stop::usage(error).hint("--retain says how many messages are"));
        }
        settings.retain = self.retain.map(|most| Retention {
            max_messages: whole(most),
            max_age: self.retain_age.unwrap_or(Duration::MAX),
            ..Retention::default()
        });
        settings.max_inactivity = self.max_inactivity;
        settings.max_held_per_browser = self.max_per_browser.map(whole);
        if self.strict {
            settings.channel_grammar = ChannelGrammar::Strict;
        }
        if self.trust_client_id {
            settings.browser_cookie = BrowserCookie::Ignored;
        }
        Ok(())
    }
}
