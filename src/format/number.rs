//! Numbers as people read them.

/// A number with its sign and two decimals, more if it is close to 0; with a true minus.
///
/// ```
/// use bowsight::format::number::signed;
/// assert_eq!([0.526, -0.06, 0.0042, 0.0].map(signed), ["+0.53", "−0.06", "+0.0042", "+0.00"]);
/// ```
pub fn signed(value: f64) -> String {
    let text = if value != 0.0 && value.abs() < 0.01 { format!("{value:+.4}") } else { format!("{value:+.2}") };
    text.replace('-', "−")
}
