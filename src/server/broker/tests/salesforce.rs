//! The broker as Salesforce: every shape and every refusal that it has.

mod events;
mod faults;

use super::*;
use crate::server::{Flavor, Token};

/// A client that does everything right.
const WELL: Around = Around {
    bearer: Some("good"),
    below: "/65.0",
    cookies: "BAYEUX_BROWSER=x",
};

fn settings() -> Settings {
    Settings::of(Flavor::Salesforce)
}

fn with_faults(faults: &[&str]) -> Settings {
    Settings {
        faults: faults.iter().map(|it| it.parse().unwrap()).collect(),
        ..settings()
    }
}

impl Scenario {
    fn salesforce() -> Self {
        Self::with(settings())
    }

    fn ask(&mut self, request: &str) -> String {
        self.ask_with(request, WELL)
    }

    fn ask_with(&mut self, request: &str, around: Around) -> String {
        match self.handle_with(request, around) {
            Handled::Answer(answer) => text(&answer.messages),
            Handled::Unauthorised(line) => line.to_owned(),
            handled => panic!("{handled:?}: {request}"),
        }
    }

    /// A session that has made its first connect; its client id.
    fn signed_in(&mut self) -> String {
        let handshake = self.ask("[{'channel':'/meta/handshake'}]");
        let client_id = handshake.split("'clientId':'").nth(1).unwrap();
        let client_id = client_id.split('\'').next().unwrap().to_owned();
        self.ask(&connect(&client_id));
        client_id
    }

    fn hold_well(&mut self, client_id: &str) -> HoldId {
        match self.handle_with(&connect(client_id), WELL) {
            Handled::Held(hold) => hold,
            handled => panic!("not held: {handled:?}"),
        }
    }

    fn subscribe(&mut self, client_id: &str, channel: &str, replay: &str) -> String {
        let ext = match replay {
            "" => String::new(),
            replay => format!(",'ext':{{'replay':{replay}}}"),
        };
        self.ask(&format!(
            "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':'{channel}'{ext},'id':'3'}}]"
        ))
    }

    fn publishes(&mut self, channel: &str, data: &str) {
        let data = data.replace('\'', "\"").parse().unwrap();
        self.broker
            .publish(self.now, &channel.parse().unwrap(), &data);
    }

    /// The replay ids in a connect reply.
    fn replay_ids(&mut self, client_id: &str) -> Vec<u64> {
        let response = self.ask(&connect(client_id));
        let ids = response.split("'replayId':").skip(1);
        ids.map(|it| it.split(['}', ',']).next().unwrap().parse().unwrap())
            .collect()
    }
}

#[test]
fn a_handshake_has_its_ext_and_no_advice() {
    let mut scenario = Scenario::salesforce();
    assert_eq!(
        scenario.ask("[{'channel':'/meta/handshake','id':'1','version':'1.0','supportedConnectionTypes':['long-polling'],'ext':{'replay':true}}]"),
        "{'channel':'/meta/handshake','id':'1','successful':true,\
         'ext':{'replay':true,'payload.format':true},'minimumVersion':'1.0','clientId':'c1',\
         'supportedConnectionTypes':['long-polling'],'version':'1.0'}"
    );
}

#[test]
fn the_first_connect_has_the_advice_and_no_other_one() {
    let mut scenario = Scenario::salesforce();
    scenario.ask("[{'channel':'/meta/handshake'}]");
    assert_eq!(
        scenario.ask(&connect("c1")),
        "{'channel':'/meta/connect','id':'9','successful':true,'clientId':'c1',\
         'advice':{'interval':0,'timeout':110000,'reconnect':'retry'}}"
    );
    let hold = scenario.hold_well("c1");
    scenario.pass(109 * SECOND);
    assert_eq!(scenario.released(), []);
    scenario.pass(SECOND);
    let connected = "{'channel':'/meta/connect','id':'9','successful':true,'clientId':'c1'}";
    assert_eq!(scenario.released(), [(hold, connected.to_owned())]);
    assert_eq!(
        scenario.ask("[{'channel':'/meta/connect','clientId':'c1','connectionType':'long-polling','id':'9','advice':{'timeout':0}}]"),
        connected
    );
    // The time to come back.
    scenario.pass(40 * SECOND);
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn a_client_gets_the_cookies_that_it_does_not_have_and_a_new_route_when_it_is_unknown() {
    let mut scenario = Scenario::salesforce();
    let cookies = |handled: Handled| match handled {
        Handled::Answer(answer) => answer.set_cookies,
        handled => panic!("{handled:?}"),
    };
    let handshake = "[{'channel':'/meta/handshake'}]";
    let without = Around {
        cookies: "",
        ..WELL
    };
    assert_eq!(
        cookies(scenario.handle_with(handshake, without)),
        [
            "BrowserId=c2; Path=/; Max-Age=5184000",
            "t=c3; Path=/cometd/; HttpOnly",
            "BAYEUX_BROWSER=c4; Path=/cometd/",
            "sfdc-stream=c5; Path=/; Max-Age=10800",
        ]
    );
    let with = Around {
        cookies: "BrowserId=1; t=2; BAYEUX_BROWSER=3; sfdc-stream=4",
        ..WELL
    };
    assert!(cookies(scenario.handle_with(handshake, with)).is_empty());
    assert!(cookies(scenario.handle_with(&connect("c1"), with)).is_empty());
    assert_eq!(
        cookies(scenario.handle_with(&connect("gone"), with)),
        ["sfdc-stream=c7; Path=/; Max-Age=10800"]
    );
}

#[test]
fn an_unknown_session_is_told_without_client_id() {
    let mut scenario = Scenario::salesforce();
    assert_eq!(
        scenario.ask(&connect("gone")),
        "{'channel':'/meta/connect','id':'9','successful':false,'error':'403::Unknown client',\
         'advice':{'reconnect':'handshake','interval':0}}"
    );
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_the_words_of_salesforce() {
    let mut scenario = Scenario::salesforce();
    let id = scenario.signed_in();
    let below = |below| Around { below, ..WELL };
    let error = |reply: String| {
        let error = reply.split("'error':'").nth(1).map(str::to_owned);
        error.unwrap_or(reply)
    };
    let mandatory = "400::API version in the URI is mandatory. URI format: '/cometd/NN.0'";
    for path in ["", "/", "/handshake", "/replay/36.0", "/65", "/v65.0"] {
        let reply = scenario.ask_with("[{'channel':'/meta/handshake'}]", below(path));
        assert!(error(reply).starts_with(mandatory), "{path}");
    }
    for path in ["/36.0", "/0.0"] {
        let reply = scenario.ask_with("[{'channel':'/meta/handshake'}]", below(path));
        assert!(
            error(reply).starts_with(
                "400::Unsupported API version. Only API versions '37.0' and later are supported."
            ),
            "{path}"
        );
    }
    for path in ["/37.0", "/65.0/handshake", "/99.0/"] {
        let reply = scenario.ask_with("[{'channel':'/meta/handshake'}]", below(path));
        assert!(reply.contains("'successful':true"), "{path}: {reply}");
    }
    let without_cookie = Around {
        cookies: "BAYEUX_BROWSER=; x=y",
        ..WELL
    };
    assert!(
        error(scenario.ask_with(&connect(&id), without_cookie)).starts_with(&format!(
            "400::Client {id} has established a session, but no BAYEUX_BROWSER cookie present"
        ))
    );
    let websocket = connect(&id).replace("long-polling", "websocket");
    assert!(error(scenario.ask(&websocket)).starts_with("400::Invalid connection type websocket"));
    let types = "[{'channel':'/meta/handshake','supportedConnectionTypes':['websocket']}]";
    assert!(error(scenario.ask(types)).starts_with("400::Invalid connection type websocket"));
    let nothing = format!("[{{'channel':'/meta/subscribe','clientId':'{id}'}}]");
    assert!(error(scenario.ask(&nothing)).starts_with("400::Channel name not specified"));
    let reply = scenario.subscribe(&id, "event/A__e", "");
    assert!(error(reply).starts_with("400::Channel subscriptions must start with a leading '/'"));
    for channel in ["/demo", "/event/*", "/event/", "/meta/x", "/service/x"] {
        let reply = scenario.subscribe(&id, channel, "");
        let expected =
            format!("400::The channel you requested to subscribe to doesn't exist {channel}");
        assert!(error(reply).starts_with(&expected), "{channel}");
    }
}

#[test]
fn a_channel_that_is_denied_does_not_exist() {
    let mut scenario = Scenario::with(Settings {
        deny: vec!["/topic/Absent".parse().unwrap()],
        ..settings()
    });
    let id = scenario.signed_in();
    assert_eq!(
        scenario.subscribe(&id, "/topic/Absent", ""),
        "{'channel':'/meta/subscribe','id':'3','successful':false,'clientId':'c1',\
         'subscription':'/topic/Absent',\
         'error':'400::The channel you requested to subscribe to doesn't exist /topic/Absent'}"
    );
}

#[test]
fn a_token_is_wanted_in_every_request_once_it_is_required() {
    let mut scenario = Scenario::with(Settings {
        require_token: Some(Token::new("good")),
        ..settings()
    });
    let id = scenario.signed_in();
    let without = Around {
        bearer: None,
        ..WELL
    };
    let wrong = Around {
        bearer: Some("bad"),
        ..WELL
    };
    let handshake = "[{'channel':'/meta/handshake','id':'1'}]";
    for request in [handshake, &connect(&id)] {
        assert_eq!(
            scenario.ask_with(request, without),
            "401::Request requires authentication"
        );
    }
    assert_eq!(
        scenario.ask_with(handshake, wrong),
        "{'channel':'/meta/handshake','id':'1','successful':false,'error':'403::Handshake denied',\
         'ext':{'sfdc':{'failureReason':'401::Authentication invalid'},'replay':true},\
         'advice':{'reconnect':'none'}}"
    );
    assert_eq!(
        scenario.ask_with(&connect(&id), wrong),
        "{'channel':'/meta/connect','id':'9','successful':false,'clientId':'c1',\
         'error':'401::Authentication invalid','advice':{'reconnect':'none','interval':0}}"
    );
}

#[test]
fn too_many_clients_are_the_limit_of_the_organization() {
    let mut scenario = Scenario::with(Settings {
        max_sessions: 1,
        ..settings()
    });
    scenario.signed_in();
    let reply = scenario.ask("[{'channel':'/meta/handshake'}]");
    let error = "'error':'403::Organization concurrent user limit exceeded'";
    assert!(reply.contains(error), "{reply}");
}
