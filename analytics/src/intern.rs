//! Texts to small numbers, once: ids and names become array indexes, and nothing downstream hashes a text again.

use polars::prelude::PlHashMap;

/// Numbers the distinct texts it is given, from 0.
///
/// Ids of up to `WORDS` x 8 bytes are packed into integers and kept in the table itself, so that a look-up touches one cache
/// line. A packed text must not end in a zero byte, or it could be mistaken for a shorter one; such texts and longer ones live in
/// the second map.
#[derive(Debug, Default)]
pub(crate) struct TextIndex<const WORDS: usize> {
    short: PlHashMap<Packed<WORDS>, u32>,
    long: PlHashMap<Box<str>, u32>,
    len: u32,
}

/// A short text as integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packed<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> std::hash::Hash for Packed<WORDS> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for word in self.0 {
            state.write_u64(word);
        }
    }
}

impl<const WORDS: usize> TextIndex<WORDS> {
    /// An index with room for `texts` short texts.
    pub(crate) fn with_capacity(texts: usize) -> Self {
        let mut index = Self::default();
        index.short.reserve(texts);
        index
    }

    /// How many distinct texts were numbered.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The number of a text that was inserted before.
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        match pack::<WORDS>(text) {
            Some(key) => self.short.get(&key).copied(),
            None => self.long.get(text).copied(),
        }
    }

    /// The number of a text, a new one if it was never seen.
    pub(crate) fn insert(&mut self, text: &str) -> u32 {
        let next = self.len;
        let number = match pack::<WORDS>(text) {
            Some(key) => *self.short.entry(key).or_insert(next),
            None => match self.long.get(text) {
                Some(number) => *number,
                None => *self.long.entry(text.into()).or_insert(next),
            },
        };
        if number == next {
            self.len += 1;
        }
        number
    }
}

/// Remembers what a batch of facts has already looked up. A batch meets the same few customers again and again; its own small
/// table stays in the processor's cache, where a table of all customers would miss it on nearly every fact.
#[derive(Debug, Default)]
pub(crate) struct Memo<const WORDS: usize> {
    known: PlHashMap<Packed<WORDS>, u32>,
}

impl<const WORDS: usize> Memo<WORDS> {
    /// What `find` says about the text, asked at most once per short text.
    pub(crate) fn get(&mut self, text: &str, mut find: impl FnMut(&str) -> u32) -> u32 {
        match pack::<WORDS>(text) {
            Some(key) => *self.known.entry(key).or_insert_with(|| find(text)),
            None => find(text),
        }
    }
}

/// The text as integers, if it is short enough.
fn pack<const WORDS: usize>(text: &str) -> Option<Packed<WORDS>> {
    let bytes = text.as_bytes();
    if bytes.len() > WORDS * 8 || bytes.last() == Some(&0) {
        return None;
    }
    let mut packed = [0_u64; WORDS];
    let (whole, rest) = bytes.as_chunks::<8>();
    for (word, chunk) in packed.iter_mut().zip(whole) {
        *word = u64::from_le_bytes(*chunk);
    }
    if let Some(word) = packed.get_mut(whole.len()) {
        let mut last = [0_u8; 8];
        last[..rest.len()].copy_from_slice(rest);
        *word = u64::from_le_bytes(last);
    }
    Some(Packed(packed))
}

/// A number in a [`Names`], or [`NONE`].
pub(crate) type Code = u16;

/// The code of an absent text.
pub(crate) const NONE: Code = Code::MAX;

/// A small vocabulary (plans, channels, reasons ...) whose words are turned back into text when a report is made.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    words: Vec<Box<str>>,
    codes: PlHashMap<Box<str>, Code>,
    recent: Code,
}

impl Names {
    /// The code of a word, a new one if it was never seen. Past 65,534 words everything is the last word's code: a vocabulary
    /// that large is no vocabulary, and [`Names::is_full`] lets the caller refuse it.
    pub(crate) fn code(&mut self, word: &str) -> Code {
        // Neighbouring facts mostly share their words.
        if self.words.get(usize::from(self.recent)).is_some_and(|last| **last == *word) {
            return self.recent;
        }
        let code = match self.codes.get(word) {
            Some(code) => *code,
            None => self.add(word),
        };
        self.recent = code;
        code
    }

    /// The code of a word that may be absent.
    pub(crate) fn code_or_none(&mut self, word: Option<&str>) -> Code {
        word.map_or(NONE, |word| self.code(word))
    }

    /// The word of a code; `None` for [`NONE`].
    pub(crate) fn word(&self, code: Code) -> Option<&str> {
        self.words.get(usize::from(code)).map(AsRef::as_ref)
    }

    /// Whether there were more distinct words than codes.
    pub(crate) fn is_full(&self) -> bool {
        self.words.len() >= usize::from(NONE)
    }

    fn add(&mut self, word: &str) -> Code {
        if self.is_full() {
            return NONE - 1;
        }
        let code = Code::try_from(self.words.len()).unwrap_or(NONE - 1);
        self.words.push(word.into());
        self.codes.insert(word.into(), code);
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_keep_their_number() {
        let mut index = TextIndex::<2>::with_capacity(4);
        let texts =
            ["", "a", "a\0", "cus_000000000001", "cus_000000000001x", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "ä"];
        for (expected, text) in texts.iter().enumerate() {
            assert_eq!(index.insert(text) as usize, expected);
        }
        for (expected, text) in texts.iter().enumerate() {
            assert_eq!(index.insert(text) as usize, expected);
            assert_eq!(index.get(text).unwrap() as usize, expected);
        }
        assert_eq!(index.get("b"), None);
        assert_eq!(index.len(), texts.len());
    }

    #[test]
    fn words_come_back_from_their_codes() {
        let mut names = Names::default();
        let codes = ["pro", "starter", "pro", "pro", "business"].map(|word| names.code(word));
        assert_eq!(codes, [0, 1, 0, 0, 2]);
        assert_eq!(names.word(2), Some("business"));
        let none = names.code_or_none(None);
        assert_eq!(names.word(none), None);
    }
}
