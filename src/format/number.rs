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

/// A number of things, `1 picture` or `2 pictures`; for nouns whose plural ends in s.
///
/// ```
/// use bowsight::format::number::counted;
/// assert_eq!([0, 1, 2].map(|count| counted(count, "picture")), ["0 pictures", "1 picture", "2 pictures"]);
/// ```
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
