//! `text_enum!`: an enum whose values are one word each, the same in the database, in JSON and in print.

/// Declares such an enum with `as_str`, `ALL`, `FromStr` and `Display`. The quoted noun goes into the error text: `"shells"
/// is not a payment method; there are …`. How the word is stored in a database: `db::column_types`.
///
/// The word is a `tt`: utoipa does not see through a `literal` and would put the variant's name into the OpenAPI document.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident, $noun:literal: $($(#[$variant_meta:meta])* $variant:ident = $word:tt,)+) => {
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        $(#[$meta])*
        pub enum $name {$(
            $(#[$variant_meta])*
            #[serde(rename = $word)]
            $variant,
        )+}

        impl $name {
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!(concat!("\"{}\" is not ", $noun, "; there are {}"), word, [$($word),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use crate::domain::{OrderState, PaymentMethod};

    #[test]
    fn one_word_is_stored_sent_and_printed() {
        for state in OrderState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(state.to_string().parse(), Ok(state));
        }
    }

    #[test]
    fn unknown_words_are_refused_by_value() {
        let refused = "shells".parse::<PaymentMethod>().unwrap_err();
        assert!(refused.starts_with("\"shells\" is not a payment method; there are cash, "), "{refused}");
    }
}
