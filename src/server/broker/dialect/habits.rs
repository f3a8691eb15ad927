//! The habits of the servers that a broker passes for, as data.

/// What a server does where others do something else. Each line is found in
/// tests/interop/flavors, but for those of Salesforce.
#[derive(Debug)]
pub(in crate::server::broker) struct Habits {
    /// The first connect of a session is answered at once. The dojox client (1.7.12) sends
    /// nothing else before that.
    pub(in crate::server::broker) answers_first_connect: bool,
    pub(in crate::server::broker) connect_advice: ConnectAdvice,
    /// Where messages stand that leave with the reply to a connect.
    pub(in crate::server::broker) deliveries: Deliveries,
    /// The replies of a batch wait until the connect among them is answered.
    pub(in crate::server::broker) holds_batches: bool,
    /// A handshake has to be alone in its request (Bayeux 1.0, "Handshake Request").
    pub(in crate::server::broker) handshakes_alone: bool,
    /// The messages of one request have to be those of one session.
    pub(in crate::server::broker) one_session_a_request: bool,
    /// What stands before the wrong element of a subscription's array is subscribed to.
    pub(in crate::server::broker) keeps_leading_subscriptions: bool,
    /// Whoever knows the endpoint publishes.
    pub(in crate::server::broker) publishes_without_session: bool,
    /// Messages on service channels go to nobody but the service.
    pub(in crate::server::broker) has_services: bool,
    /// Over a websocket messages come from the handshake on, and not from the first connect.
    pub(in crate::server::broker) pushes_from_handshake: bool,
    /// The HTTP status that ends a held connect once a newer one comes.
    pub(in crate::server::broker) superseded_status: Option<u16>,
    /// A session belongs to the browser that has its cookie.
    pub(in crate::server::broker) binds_to_browser: bool,
    /// A handshake beyond the limit of sessions gets HTTP 503 as well.
    pub(in crate::server::broker) tells_http_of_limits: bool,
}

/// Which connect replies carry advice.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum ConnectAdvice {
    /// Those to requests with advice of their own.
    OnRequest,
    First,
    Always,
}

/// Where messages stand beside the reply to a connect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Deliveries {
    BeforeReply,
    BehindReply,
}

pub(super) const COMETD: Habits = Habits {
    answers_first_connect: true,
    connect_advice: ConnectAdvice::OnRequest,
    deliveries: Deliveries::BeforeReply,
    holds_batches: false,
    handshakes_alone: true,
    one_session_a_request: true,
    keeps_leading_subscriptions: false,
    publishes_without_session: false,
    has_services: true,
    pushes_from_handshake: true,
    superseded_status: Some(500),
    binds_to_browser: true,
    tells_http_of_limits: true,
};

pub(super) const FAYE: Habits = Habits {
    answers_first_connect: false,
    connect_advice: ConnectAdvice::Always,
    deliveries: Deliveries::BehindReply,
    holds_batches: true,
    handshakes_alone: false,
    one_session_a_request: false,
    keeps_leading_subscriptions: true,
    publishes_without_session: true,
    has_services: false,
    pushes_from_handshake: false,
    // Faye itself never answers the older one.
    superseded_status: None,
    binds_to_browser: false,
    // Other messages of the request may have been carried out.
    tells_http_of_limits: false,
};

pub(super) const SALESFORCE: Habits = Habits {
    connect_advice: ConnectAdvice::First,
    superseded_status: None,
    one_session_a_request: false,
    // It has a check of its own, and words for it.
    binds_to_browser: false,
    tells_http_of_limits: false,
    ..COMETD
};
