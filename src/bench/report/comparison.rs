//! Two runs beside each other, value by value.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::super::{METRICS, Metric, Run};

/// A value of two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Which value.
    pub metric: &'static Metric,
    /// In the first one.
    pub a: Option<f64>,
    /// In the second one.
    pub b: Option<f64>,
}

impl Compared {
    /// The second by the first; nothing where one is missing or the first is 0.
    pub fn ratio(&self) -> Option<f64> {
        let (a, b) = self.a.zip(self.b)?;
        (a != 0.0).then(|| b / a)
    }
}

impl Serialize for Compared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("Compared", 4)?;
        form.serialize_field("metric", self.metric.name)?;
        form.serialize_field("a", &self.a)?;
        form.serialize_field("b", &self.b)?;
        form.serialize_field("ratio", &self.ratio())?;
        form.end()
    }
}

/// Every value that one of two runs has.
pub fn compare(a: &Run, b: &Run) -> Vec<Compared> {
    let all = METRICS.iter().map(|metric| Compared {
        metric,
        a: metric.value(a),
        b: metric.value(b),
    });
    all.filter(|it| it.a.is_some() || it.b.is_some()).collect()
}

/// The values as JSON, on several lines.
pub fn to_json(compared: &[Compared]) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u64,
        compared: &'a [Compared],
    }
    let document = Document {
        schema: 1,
        compared,
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("names and numbers always have a JSON form") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_two_values_and_something_to_compare_with() {
        let mut a = Run::default();
        let mut b = Run::default();
        (a.messages.delivered, b.messages.delivered) = (100, 150);
        b.messages.lost = 2;
        b.client.seconds = 1.0;
        let compared = compare(&a, &b);
        let ratio = |name| {
            let found = compared.iter().find(|it| it.metric.name == name);
            found.unwrap().ratio()
        };
        assert_eq!(ratio("delivered"), Some(1.5));
        assert_eq!(ratio("lost"), None);
        assert_eq!(ratio("delivery_rate"), None);
        assert!(!compared.iter().any(|it| it.metric.name == "p99"));
        assert!(to_json(&compared).contains("\"ratio\": 1.5"));
    }
}
