use super::*;
use forebay_core::{
    Clock, Condition, Health, Ledger, NodeId, ShutdownTrigger, Spawn, Tasks, Time, TimeSource,
};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Words that are not `bad`.
#[derive(Debug, PartialEq)]
struct Words(String);

impl Usable for Words {}

fn words(contents: &[Content<'_>]) -> Result<Words, ComponentError> {
    let all: Vec<&str> = contents
        .iter()
        .map(|content| str::from_utf8(content.bytes).unwrap())
        .collect();
    match all.join("+") {
        bad if bad.contains("bad") => Err(ComponentError::new("this is bad")),
        good => Ok(Words(good)),
    }
}

struct Files {
    folder: TempDir,
    kept: Arc<Kept<Words>>,
}

impl Files {
    fn new(contents: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |(name, content): &(&str, &str)| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            Source::File { key: "file", path }
        };
        let sources = contents.iter().map(file).collect();
        let kept = Kept::load(sources, 16, words).unwrap();
        Files { folder, kept }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn current(&self) -> String {
        self.kept.current().0.clone()
    }
}

#[test]
fn a_file_that_is_written_anew_is_taken_into_use_however_soon() {
    let files = Files::new(&[("a", "one"), ("b", "two")]);
    assert_eq!(files.kept.look(), Look::Same);
    for round in 0..100 {
        // The same length each time: within one tick of the file system's clock only the content tells.
        files.write("b", &format!("{round:03}"));
        assert_eq!(files.kept.look(), Look::Renewed, "{round}");
        assert_eq!(files.current(), format!("one+{round:03}"));
    }
    assert_eq!(files.kept.look(), Look::Same);
}

#[test]
fn a_link_that_is_moved_is_a_change() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    for version in ["v1", "v2"] {
        std::fs::create_dir(path(version)).unwrap();
        std::fs::write(path(version).join("a"), version).unwrap();
    }
    std::os::unix::fs::symlink("v1", path("data")).unwrap();
    std::os::unix::fs::symlink("data/a", path("a")).unwrap();
    let source = Source::File {
        key: "file",
        path: path("a"),
    };
    let kept = Kept::load(vec![source], 16, words).unwrap();
    // As the kubelet does it: a new link is moved over the old one.
    std::os::unix::fs::symlink("v2", path("new")).unwrap();
    std::fs::rename(path("new"), path("data")).unwrap();
    assert_eq!(kept.look(), Look::Renewed);
    assert_eq!(kept.current().0, "v2");
}

#[test]
fn what_cannot_be_used_leaves_the_last_good_content() {
    let files = Files::new(&[("a", "one"), ("b", "two")]);
    files.write("a", "bad");
    let bad = Look::Failing(ComponentError::new("this is bad"));
    assert_eq!(files.kept.look(), bad);
    assert_eq!(files.kept.look(), bad, "as long as it is so");
    assert_eq!(files.current(), "one+two");
    files.write("a", "new");
    assert_eq!(files.kept.look(), Look::Renewed);
    assert_eq!(files.current(), "new+two");

    std::fs::remove_file(files.path("b")).unwrap();
    let Look::Failing(error) = files.kept.look() else {
        panic!("the file is gone");
    };
    let path = files.path("b").display().to_string();
    assert!(error.to_string().contains(&path), "{error}");
    assert_eq!(files.current(), "new+two");
    files.write("b", "two");
    assert_eq!(files.kept.look(), Look::Same, "it is what it was");
}

#[test]
fn what_is_no_small_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, "seventeen bytes!!").unwrap();
    let missing = folder.path().join("missing");
    for (path, what) in [
        (large, "larger than the 16 bytes"),
        (missing, "Check the path"),
        (folder.path().to_owned(), "not a regular file"),
        ("/dev/zero".into(), "not a regular file"),
    ] {
        let source = Source::File {
            key: "token_file",
            path: path.clone(),
        };
        let error = Kept::load(vec![source], 16, words).unwrap_err().to_string();
        assert!(error.contains("`token_file`"), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn a_config_that_holds_the_content_is_not_followed() {
    let source = Source::Inline {
        key: "token",
        text: Secret::new("s3cret"),
    };
    assert_eq!(source.to_string(), "`token`");
    let kept = Kept::load(vec![source], 16, words).unwrap();
    assert!(!kept.has_files());
    assert_eq!(format!("{kept:?}"), "Kept(`token`)");
}

#[derive(Default)]
struct TestTasks(Mutex<JoinSet<()>>);

impl Spawn for TestTasks {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

pub(crate) fn node() -> (NodeContext, ShutdownTrigger) {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let node = NodeContext {
        node: NodeId(0),
        name: "node".into(),
        clock: Clock::system(),
        tasks: Tasks::new(Arc::new(TestTasks::default())),
        ledger: Ledger::new(64 << 20),
        shutdown,
        health: Health::default(),
        reloads: Arc::default(),
        instruments: Default::default(),
    };
    node.health.working();
    (node, trigger)
}

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < patience, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn the_node_says_what_is_wrong_with_its_files_and_when_it_is_mended() {
    let files = Files::new(&[("a", "one")]);
    let (node, trigger) = node();
    let following = Following {
        interval: Duration::from_millis(2),
        until: Phase::Draining,
        watched: vec![Arc::clone(&files.kept) as _],
        renewed: Box::new(|| {}),
    };
    following.start(&node);
    files.write("a", "two");
    until("the change", || node.reloads.taken() == 1).await;
    assert_eq!(files.current(), "two");

    files.write("a", "bad");
    until("the complaint", || node.health.condition() != Condition::Working).await;
    let words = "this is bad; the last good content stays in use";
    assert_eq!(node.health.condition(), Condition::Degraded(words.into()));
    assert_eq!(node.reloads.failed(), 1, "once, however often it is looked at");
    assert_eq!(files.current(), "two");

    files.write("a", "three");
    until("the mending", || node.health.condition() == Condition::Working).await;
    assert_eq!((node.reloads.taken(), node.reloads.failed()), (2, 1));
    trigger.advance(Phase::Draining);
    until("the end of the task", || Arc::strong_count(&files.kept) == 1).await;
}

/// A clock by which waits of up to a minute take a thousandth of their time.
pub(crate) struct Fast {
    began: std::time::Instant,
}

impl Default for Fast {
    fn default() -> Self {
        Fast {
            began: std::time::Instant::now(),
        }
    }
}

impl TimeSource for Fast {
    fn now(&self) -> Time {
        Time(self.began.elapsed() * 1000)
    }

    fn unix_nanos(&self) -> u64 {
        7
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        let deadline = self.began + until.0 / 1000;
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }
}
