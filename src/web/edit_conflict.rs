//! Two people with the same form open: no one undoes the other's change unseen.
//!
//! A form of stored values carries them a second time in hidden fields (`shown_price`). What was not touched is left as it is
//! stored, and a field that both changed is refused with the value that is stored now. Sent again, the form overwrites it.

use super::form::Form;
use crate::http::problem::{Problem, ProblemKind};

const PREFIX: &str = "shown_";

impl Form {
    /// A form of stored values, for a template that has the macro `shown_values`.
    pub fn of_stored<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut form = Self::filled(values);
        let shown: Vec<_> =
            form.values.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone())).collect();
        form.values.extend(shown);
        form
    }

    /// The hidden fields, with their names.
    pub fn shown_values(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_shown = |(name, _): &&(String, String)| name.starts_with(PREFIX);
        self.values.iter().filter(is_shown).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the person at the form changed this field. Without hidden fields, every field counts as changed.
    pub fn is_touched(&self, name: &str) -> bool {
        self.shown_value(name).is_none_or(|shown| shown != self.text(name))
    }

    /// Refuses the form if a field was changed here and differently in `stored`. It is then shown with the stored values,
    /// but for what was changed here.
    ///
    /// # Errors
    /// The refused form.
    pub fn check_conflict(mut self, stored: &Self) -> Result<Self, Self> {
        let names: Vec<String> = stored.shown_values().map(|(name, _)| name[PREFIX.len()..].to_owned()).collect();
        let is_lost = |name: &&String| {
            let (now, shown) = (stored.text(name), self.shown_value(name));
            self.is_touched(name) && shown.is_some_and(|shown| shown != now) && self.text(name) != now
        };
        let Some(name) = names.iter().find(is_lost).cloned() else { return Ok(self) };
        for name in &names {
            if !self.is_touched(name) {
                self.set(name, stored.text(name));
            }
            if self.shown_value(name).is_some() {
                self.set(&format!("{PREFIX}{name}"), stored.text(name));
            }
        }
        let problem = Problem::new(ProblemKind::StaleVersion, stored.text(&name).to_owned()).with("field", name);
        Err(self.refuse(problem))
    }

    fn shown_value(&self, name: &str) -> Option<&str> {
        self.shown_values().find(|(field, _)| field[PREFIX.len()..] == *name).map(|(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &str) {
        if let Some((_, old)) = self.values.iter_mut().find(|(field, _)| field == name) {
            value.clone_into(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(price: &str, sku: &str) -> Form {
        Form::of_stored([("price", price.to_owned()), ("sku", sku.to_owned())])
    }

    fn typed(price: &str) -> Form {
        let values = [("price", price), ("sku", "7"), ("shown_price", "2.19"), ("shown_sku", "7")];
        Form::from_texts(values.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    #[test]
    fn only_what_was_typed_counts_as_changed() {
        assert!(typed("2.49").is_touched("price") && !typed("2.49").is_touched("sku"));
        assert!(
            Form::from_texts(vec![("price".to_owned(), "2.19".to_owned())]).is_touched("price"),
            "no hidden fields"
        );
    }

    #[test]
    fn a_field_that_both_changed_is_refused_once() {
        assert!(typed("2.49").check_conflict(&stored("2.19", "8")).is_ok(), "another field");
        assert!(typed("2.49").check_conflict(&stored("2.49", "7")).is_ok(), "to the same");
        let refused = typed("2.49").check_conflict(&stored("1.99", "8")).unwrap_err();
        assert_eq!((refused.text("price"), refused.text("sku"), refused.status().as_u16()), ("2.49", "8", 409));
        assert!(refused.check_conflict(&stored("1.99", "8")).is_ok(), "sent again");
    }
}
