//! The words of a command line.

/// Words between blanks; what stands in double quotes is one word.
pub(super) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self(text)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_ascii_start();
        if text.is_empty() {
            return None;
        }
        let (word, rest) = match text.strip_prefix('"') {
            // A quote that is not closed ends with the line.
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => text
                .split_once(|c: char| c.is_ascii_whitespace())
                .unwrap_or((text, "")),
        };
        self.0 = rest;
        Some(word)
    }
}
