//! The value of `Authorization`: fixed, or fetched again when a server refuses it.
//!
//! A transport says which [`Credential`] it sent when a server refuses it (HTTP 401, or
//! Bayeux's `401::`), so that two lanes that are refused at once lead to one fetch.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Header, HeaderError, Secret};

/// Where another value comes from once the first one is refused: a command, a token endpoint.
pub trait CredentialSource: Send + Sync {
    /// Fetches a value, scheme included: `Bearer 0123`. Blocks, at most until then.
    ///
    /// # Errors
    /// When there is none to be had. The error is shown, so it must not hold a secret.
    fn fetch(&self, until: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>>;
}

/// What goes into the `Authorization` header of every request.
///
/// Every transport sends what is current. Whoever hears first that a server refuses it fetches
/// the next value; the others wait for that and share it.
pub struct Authorization {
    source: Option<Box<dyn CredentialSource>>,
    state: Mutex<State>,
}

/// One value of `Authorization`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// The header line.
    pub header: Header,
    /// Which of the values it is.
    pub generation: Generation,
}

/// Tells the values of one [`Authorization`] apart, even if a source gives the same one twice.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Generation(u32);

/// Why there is no other value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// It is fixed: there is nothing to fetch it from.
    #[error("the credentials are fixed")]
    Fixed,
    /// The source failed.
    #[error("{0}")]
    Source(Arc<dyn Error + Send + Sync>),
    /// What the source gave cannot stand in a header line.
    #[error("what came cannot be sent: {0}")]
    Header(#[from] HeaderError),
    /// A server that refuses everything must not lead to a storm.
    #[error("new credentials were fetched {n_fetches} times within a minute, and do not last")]
    TooMany {
        /// Within the last minute.
        n_fetches: usize,
    },
}

struct State {
    credential: Credential,
    /// When the fetches of the last minute began.
    fetches: VecDeque<Instant>,
    /// When the last fetch failed, and why: whoever waited for it meanwhile shares that.
    failure: Option<(Instant, AuthorizationError)>,
}

const NAME: &str = "Authorization";
/// Fetches within a minute. A token that is any good lives longer.
const MOST_PER_MINUTE: usize = 3;
const MINUTE: Duration = Duration::from_secs(60);

impl Authorization {
    /// A value that is the same for ever.
    ///
    /// # Errors
    /// When it cannot stand in a header line.
    pub fn fixed(value: &Secret) -> Result<Self, HeaderError> {
        Ok(Self {
            source: None,
            state: Mutex::new(State::new(value)?),
        })
    }

    /// A value, and where the next one comes from when a server refuses it.
    ///
    /// # Errors
    /// When it cannot stand in a header line.
    pub fn renewable(
        first: &Secret,
        source: impl CredentialSource + 'static,
    ) -> Result<Self, HeaderError> {
        Ok(Self {
            source: Some(Box::new(source)),
            state: Mutex::new(State::new(first)?),
        })
    }

    /// Makes an attempt with the current value. If the server refuses the value and another
    /// one can be had, makes it once more with that, and never a third time.
    ///
    /// `second` is given the first result, and why there is no other value if there is none.
    pub fn attempt<T>(
        &self,
        until: Option<Instant>,
        first: impl FnOnce(&Credential) -> T,
        is_refused: impl FnOnce(&T) -> bool,
        second: impl FnOnce(T, Result<&Credential, AuthorizationError>) -> T,
    ) -> T {
        let credential = self.current();
        let outcome = first(&credential);
        if !self.is_renewable() || !is_refused(&outcome) {
            return outcome;
        }
        match self.renew(Some(credential.generation), until) {
            Ok(renewed) => second(outcome, Ok(&renewed)),
            Err(error) => second(outcome, Err(error)),
        }
    }

    /// Fetches the next value, unless somebody did since the refused one; `None` refuses
    /// whatever is current.
    ///
    /// # Errors
    /// When there is no other value, or not now.
    pub fn renew(
        &self,
        refused: Option<Generation>,
        until: Option<Instant>,
    ) -> Result<Credential, AuthorizationError> {
        let source = self.source.as_ref().ok_or(AuthorizationError::Fixed)?;
        let asked = Instant::now();
        let mut state = self.state();
        if refused.is_some_and(|it| it < state.credential.generation) {
            return Ok(state.credential.clone());
        }
        if let Some((failed, error)) = &state.failure
            && *failed >= asked
        {
            return Err(error.clone());
        }
        let renewed = state.admit(asked).and_then(|()| {
            let value = source.fetch(until);
            let value = value.map_err(|it| AuthorizationError::Source(Arc::from(it)))?;
            Ok(Header::new(NAME, &value)?)
        });
        match renewed {
            Ok(header) => {
                let Generation(last) = state.credential.generation;
                state.credential = Credential {
                    header,
                    generation: Generation(last + 1),
                };
                Ok(state.credential.clone())
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// What requests carry now.
    pub fn current(&self) -> Credential {
        self.state().credential.clone()
    }

    /// Whether there is a source.
    pub fn is_renewable(&self) -> bool {
        self.source.is_some()
    }

    /// Held while a value is fetched: a request that leaves meanwhile would be refused too.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_renewable() {
            "renewable"
        } else {
            "fixed"
        };
        write!(f, "Authorization({kind})")
    }
}

impl State {
    fn new(value: &Secret) -> Result<Self, HeaderError> {
        Ok(Self {
            credential: Credential {
                header: Header::new(NAME, value)?,
                generation: Generation(0),
            },
            fetches: VecDeque::new(),
            failure: None,
        })
    }

    /// Counts one more fetch, if that is decent.
    fn admit(&mut self, now: Instant) -> Result<(), AuthorizationError> {
        self.fetches
            .retain(|it| now.saturating_duration_since(*it) < MINUTE);
        let n_fetches = self.fetches.len();
        if n_fetches >= MOST_PER_MINUTE {
            return Err(AuthorizationError::TooMany { n_fetches });
        }
        self.fetches.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Gives `Bearer 1`, `Bearer 2`, ... and counts.
    #[derive(Clone, Default)]
    struct Counter(Arc<AtomicU32>);

    impl CredentialSource for Counter {
        fn fetch(&self, _: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>> {
            let n = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Secret::new(format!("Bearer {n}")))
        }
    }

    struct Broken;

    impl CredentialSource for Broken {
        fn fetch(&self, _: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>> {
            Err("no token today".into())
        }
    }

    fn counting() -> (Authorization, Counter) {
        let counter = Counter::default();
        let first = Secret::new("Bearer 0");
        let authorization = Authorization::renewable(&first, counter.clone()).unwrap();
        (authorization, counter)
    }

    /// Attempts with a server that accepts only this value, and tells what was sent.
    fn attempts(authorization: &Authorization, accepted: &str) -> Vec<String> {
        authorization.attempt(
            None,
            |it| vec![it.header.expose().to_owned()],
            |sent| sent[0] != accepted,
            |mut sent, renewed| {
                sent.push(match renewed {
                    Ok(credential) => credential.header.expose().to_owned(),
                    Err(error) => error.to_string(),
                });
                sent
            },
        )
    }

    #[test]
    fn a_refused_value_is_replaced_and_the_attempt_made_once_more() {
        let (authorization, _) = counting();
        assert_eq!(attempts(&authorization, "Bearer 0"), ["Bearer 0"]);
        let sent = attempts(&authorization, "Bearer 1");
        assert_eq!(sent, ["Bearer 0", "Bearer 1"]);
        assert_eq!(attempts(&authorization, "Bearer 1"), ["Bearer 1"]);
    }

    #[test]
    fn a_fixed_value_is_tried_once() {
        let authorization = Authorization::fixed(&Secret::new("Bearer x")).unwrap();
        assert_eq!(attempts(&authorization, "other"), ["Bearer x"]);
        let error = authorization.renew(None, None).unwrap_err();
        assert!(matches!(error, AuthorizationError::Fixed));
    }

    #[test]
    fn a_server_that_refuses_everything_leads_to_no_storm() {
        let (authorization, counter) = counting();
        for _ in 0..10 {
            attempts(&authorization, "never");
        }
        assert_eq!(counter.0.load(Ordering::SeqCst), 3);
        let sent = attempts(&authorization, "never");
        assert!(sent[1].contains("3 times within a minute"), "{sent:?}");
    }

    #[test]
    fn two_who_are_refused_at_once_lead_to_one_fetch() {
        let (authorization, counter) = counting();
        let refused = authorization.current().generation;
        let barrier = Barrier::new(2);
        let renew = || {
            barrier.wait();
            authorization.renew(Some(refused), None).unwrap()
        };
        let values = std::thread::scope(|scope| {
            let other = scope.spawn(renew);
            [renew(), other.join().unwrap()]
        });
        assert_eq!(values[0], values[1]);
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_cannot_be_sent_and_what_fails_leave_the_value_as_it_is() {
        let authorization = Authorization::renewable(&Secret::new("Bearer 0"), Broken).unwrap();
        let sent = attempts(&authorization, "never");
        assert_eq!(sent, ["Bearer 0", "no token today"]);
        assert_eq!(authorization.current().header.expose(), "Bearer 0");
        let error = Authorization::fixed(&Secret::new("a\nb")).unwrap_err();
        assert!(matches!(error, HeaderError::Value(_)));
        assert_eq!(format!("{authorization:?}"), "Authorization(renewable)");
    }
}
