//! What Salesforce says beside `error`, in `ext.sfdc.failureReason`.

use serde_json::Value;

use super::{ErrorString, Message};

impl Message {
    /// The reason of a refusal that stands in `ext`: `error` names only the stage that
    /// refused, the true cause is here (CAMEL-14068).
    ///
    /// ```
    /// use bayeux::protocol::Message;
    ///
    /// let reply = Message::parse(
    ///     r#"{"channel":"/meta/handshake","successful":false,"error":"403::Handshake denied",
    ///         "ext":{"sfdc":{"failureReason":"401::Authentication invalid"}}}"#,
    /// )?;
    /// assert_eq!(reply.failure_reason().as_deref(), Some("401::Authentication invalid"));
    /// # Ok::<(), bayeux::protocol::JsonError>(())
    /// ```
    pub fn failure_reason(&self) -> Option<String> {
        let ext: Value = serde_json::from_str(self.ext()?).ok()?;
        search(&ext).map(str::to_owned)
    }

    /// Whether this refusal may pass, by its `error` or by the reason in `ext`.
    pub fn is_transient(&self) -> bool {
        let reason = self.failure_reason();
        let reason = reason.as_deref().map(ErrorString::parse);
        let errors = self.error().into_iter().chain(reason);
        errors.into_iter().any(|it| it.is_transient())
    }
}

/// serde_json reads no deeper than 128 levels, so neither does this.
fn search(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    let named = object.get("failureReason").and_then(Value::as_str);
    named.or_else(|| object.values().find_map(search))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(fields: &str) -> Message {
        Message::parse(&format!(
            r#"{{"channel":"/x","successful":false,{fields}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_refusal_passes_if_its_error_or_its_reason_says_so() {
        for (fields, expected) in [
            (r#""error":"503::busy""#, true),
            (r#""error":"403:a:subscribe_denied""#, false),
            (
                r#""error":"403:a:subscribe_denied","ext":{"sfdc":{"failureReason":"503::Server is too busy."}}"#,
                true,
            ),
            (r#""ext":{"sfdc":{"failureReason":"401::no"}}"#, false),
            (r#""ext":{"sfdc":{"failureReason":503}}"#, false),
            (r#""ext":7"#, false),
        ] {
            assert_eq!(refusal(fields).is_transient(), expected, "{fields}");
        }
    }
}
