//! Files that are read as streams, and what comes of changes.

use super::*;
use tempfile::TempDir;

/// A file of a number, and how often it was read.
struct Followed {
    folder: TempDir,
    file: StreamedFile<u64>,
    reads: Arc<AtomicU64>,
}

impl Followed {
    fn new(content: &str) -> Result<Self, ComponentError> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("number");
        std::fs::write(&path, content).unwrap();
        let reads = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&reads);
        let file = StreamedFile::load("table.path", path, move |stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut text = String::new();
            let read = stream.reader.read_line(&mut text).unwrap();
            assert!(read as u64 <= stream.length);
            text.trim()
                .parse::<u64>()
                .map_err(|error| format!("line 1: {error}"))
        })?;
        Ok(Followed { folder, file, reads })
    }

    fn put(&self, content: &str) {
        let beside = self.folder.path().join("new");
        std::fs::write(&beside, content).unwrap();
        std::fs::rename(beside, &self.file.0.path).unwrap();
    }

    fn look(&self) -> Look {
        self.file.0.look()
    }

    /// What is in use, how often a content was read, and how many failures there were.
    fn state(&self) -> (u64, u64, u64) {
        let reads = self.reads.load(Ordering::Relaxed);
        (*self.file.current(), reads, self.file.failures())
    }
}

fn words(look: Look) -> String {
    match look {
        Look::Failing(why) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_new_is_taken_into_use_and_what_is_the_same_is_not_read_again() {
    let followed = Followed::new("1\n").unwrap();
    assert_eq!((followed.look(), followed.state()), (Look::Same, (1, 1, 0)));
    followed.put("2\nand more");
    assert_eq!((followed.look(), followed.state()), (Look::Renewed, (2, 2, 0)));
    followed.put("2\nand more");
    assert_eq!((followed.look(), followed.state()), (Look::Same, (2, 2, 0)));
}

#[test]
fn what_cannot_be_used_is_tried_once_and_the_last_good_content_stays() {
    let followed = Followed::new("1").unwrap();
    followed.put("one");
    for _ in 0..3 {
        let why = words(followed.look());
        assert!(
            why.contains("`table.path`") && why.contains("line 1: invalid digit"),
            "{why}"
        );
        assert_eq!(followed.state(), (1, 2, 1));
    }
    followed.put("two");
    words(followed.look());
    assert_eq!(followed.state(), (1, 3, 2));
    followed.put("1");
    assert_eq!((followed.look(), followed.state()), (Look::Same, (1, 3, 2)));
    followed.put("3");
    assert_eq!((followed.look(), followed.state()), (Look::Renewed, (3, 4, 2)));
}

#[test]
fn a_file_that_is_gone_is_one_failure_until_it_is_back() {
    let followed = Followed::new("1").unwrap();
    std::fs::remove_file(&followed.file.0.path).unwrap();
    for _ in 0..3 {
        let why = words(followed.look());
        assert!(why.contains("Check the path"), "{why}");
        assert_eq!(followed.state(), (1, 1, 1));
    }
    followed.put("1");
    assert_eq!((followed.look(), followed.state()), (Look::Same, (1, 1, 1)));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_taken_into_use() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("growing");
    std::fs::write(&path, "1").unwrap();
    let growing = path.clone();
    let loaded = StreamedFile::load("table.path", path, move |_| {
        use std::io::Write;
        let mut file = File::options().append(true).open(&growing).unwrap();
        file.write_all(b"2").map_err(|error| error.to_string())
    });
    let why = loaded.unwrap_err().to_string();
    assert!(why.contains("has changed while it was read"), "{why}");
}

#[test]
fn mistakes_are_told_at_once() {
    let why = Followed::new("one").err().unwrap().to_string();
    assert!(
        why.starts_with("`table.path` (") && why.ends_with("line 1: invalid digit found in string"),
        "{why}"
    );
    let folder = TempDir::new().unwrap();
    let missing = check_file(&folder.path().join("missing")).unwrap_err();
    assert!(missing.contains("No such file"), "{missing}");
    let no_file = check_file(folder.path()).unwrap_err();
    assert!(no_file.contains("not a regular file"), "{no_file}");
}
