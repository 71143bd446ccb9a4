//! Names of container images, taken apart.

/// A reference to an image (distribution, "reference" grammar).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// Registry and repository.
    pub(super) name: &'a str,
    /// The tag behind the `:`.
    pub(super) tag: Option<&'a str>,
    /// The digest behind the `@`.
    pub(super) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// Takes a reference apart. Nothing: it is no name, but the id of an image.
    pub(super) fn parse(reference: &'a str) -> Option<Self> {
        let (named, digest) = match reference.split_once('@') {
            Some((named, digest)) => (named, Some(digest).filter(|digest| !digest.is_empty())),
            None => (reference, None),
        };
        // A colon before the last slash is that of a registry's port.
        let path = named.rfind('/').map_or(0, |slash| slash + 1);
        let last = named.get(path..)?;
        let (name, tag) = match last.rfind(':') {
            Some(colon) => (named.get(..path + colon)?, last.get(colon + 1..)),
            None => (named, None),
        };
        let is_id = named.starts_with("sha256:") || name.is_empty() || name.ends_with('/');
        (!is_id).then(|| Image {
            name,
            tag: tag.filter(|tag| !tag.is_empty()),
            digest,
        })
    }

    /// The tag that a runtime takes: `latest` where nothing else says which image.
    pub(super) fn effective_tag(&self) -> Option<&'a str> {
        self.tag.or(self.digest.is_none().then_some("latest"))
    }

    /// The version of a service that runs it: `TAG@DIGEST`, or what there is of it (semantic conventions, Kubernetes, "How
    /// `service.version` should be calculated").
    pub(super) fn version(&self) -> Option<String> {
        match (self.tag, self.digest) {
            (Some(tag), Some(digest)) => Some(format!("{tag}@{digest}")),
            (tag, digest) => digest.or(tag).map(str::to_owned),
        }
    }
}

/// The image with its digest, of what a runtime calls the id of the image: `docker-pullable://nginx@sha256:...`. Nothing: it has
/// no name.
pub(super) fn repo_digest(image_id: &str) -> Option<&str> {
    let named = without_scheme(image_id);
    let (name, digest) = named.split_once('@')?;
    (!name.is_empty() && !digest.is_empty()).then_some(named)
}

/// What stands behind the name of the runtime: `containerd://abc` is `abc`.
pub(super) fn without_scheme(id: &str) -> &str {
    id.split_once("://").map_or(id, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let digest = "sha256:b248ef911f93ae27cbbc85056d1ffacc87fd941bbdc2ffd951b6df8df72b8096";
        let whole = format!("ghcr.io/a/b/gen:0.112.0@{digest}");
        let by_digest = format!("ghcr.io/a@{digest}");
        let version = format!("0.112.0@{digest}");
        type Expected<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);
        let cases: [(&str, Expected<'_>); 7] = [
            ("nginx", ("nginx", None, Some("latest"), None)),
            ("nginx:1.27", ("nginx", Some("1.27"), Some("1.27"), Some("1.27"))),
            (
                "reg:5000/a/nginx",
                ("reg:5000/a/nginx", None, Some("latest"), None),
            ),
            (
                "reg:5000/nginx:v1",
                ("reg:5000/nginx", Some("v1"), Some("v1"), Some("v1")),
            ),
            (
                &whole,
                (
                    "ghcr.io/a/b/gen",
                    Some("0.112.0"),
                    Some("0.112.0"),
                    Some(&version),
                ),
            ),
            (&by_digest, ("ghcr.io/a", None, None, Some(digest))),
            ("nginx:", ("nginx", None, Some("latest"), None)),
        ];
        for (reference, (name, tag, effective, version)) in cases {
            let image = Image::parse(reference).unwrap();
            assert_eq!((image.name, image.tag), (name, tag), "{reference}");
            assert_eq!(image.effective_tag(), effective, "{reference}");
            assert_eq!(image.version().as_deref(), version, "{reference}");
        }
        for id in ["", digest, ":1", "a/:1", "@sha256:1"] {
            assert_eq!(Image::parse(id), None, "{id}");
        }
    }

    #[test]
    fn digests_have_no_runtime_before_them() {
        assert_eq!(
            repo_digest("docker-pullable://nginx@sha256:1"),
            Some("nginx@sha256:1")
        );
        assert_eq!(repo_digest("ghcr.io/a/b@sha256:1"), Some("ghcr.io/a/b@sha256:1"));
        for id in ["sha256:1", "docker://sha256:1", "", "@sha256:1", "nginx@"] {
            assert_eq!(repo_digest(id), None, "{id}");
        }
        assert_eq!(without_scheme("containerd://abc"), "abc");
        assert_eq!(without_scheme("abc"), "abc");
    }
}
