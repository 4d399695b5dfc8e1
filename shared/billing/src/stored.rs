//! What is left out of stored forms.
//!
//! Exists so that "a field that holds its default is not stored" is said once, whatever the field's type is.

/// Whether `value` is its type's default.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
