//! An error and its causes as text.

/// Joins an error and its causes on one line by ": ".
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text = format!("{text}: {cause}");
    }
    text
}

/// Lists the causes of an error, outermost first, and leaves out those that only repeat what the error says.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            said = text.clone();
            causes.push(text.trim_end().to_string());
        }
        next = cause.source();
    }
    causes
}
