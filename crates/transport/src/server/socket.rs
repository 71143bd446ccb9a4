//! Sockets that are listened on: TCP, and unix sockets with the file that stands for them.

use forebay_core::component::ListenAddress;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// How many connections the kernel may hold until they are accepted.
const BACKLOG: i32 = 1024;

/// Who may connect to a unix socket: its owner and its group.
const MODE: u32 = 0o660;

/// How addresses of unix sockets begin.
const UNIX: &str = "unix://";

/// A socket that is listened on.
#[derive(Debug)]
pub(super) enum Bound {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A unix socket, and its file.
    Unix(UnixListener, SocketFile),
}

impl Bound {
    /// See [`super::Listener::bind`].
    pub(super) fn to(address: &str) -> io::Result<Bound> {
        match address.strip_prefix(UNIX) {
            Some(path) => bind_unix(Path::new(path)),
            None => bind_any(address),
        }
    }

    /// Where it listens, with the port that it got.
    pub(super) fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Bound::Tcp(socket) => socket.local_addr().map(ListenAddress::Tcp),
            Bound::Unix(_, file) => Ok(ListenAddress::Unix(file.path.clone())),
        }
    }
}

/// Of a name with several addresses, the first that can be bound.
fn bind_any(address: &str) -> io::Result<Bound> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in address.to_socket_addrs()? {
        match bind_tcp(candidate) {
            Ok(socket) => return Ok(Bound::Tcp(socket)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind_unix(path: &Path) -> io::Result<Bound> {
    if !path.is_absolute() {
        let words = "the path of a unix socket begins with a slash: `unix:///run/forebay.sock`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let address = SockAddr::unix(path)?;
    remove_stale(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    let file = SocketFile::of(path)?;
    // Nobody can connect before it listens, so nobody does under the mode that it was made with.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    Ok(Bound::Unix(socket.into(), file))
}

/// Removes the file of a socket whose process is gone.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !there.file_type().is_socket() {
        let words = "there is a file of this name, and it is not a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Somebody listens, whether or not there is room for one more to wait.
        Ok(()) => Err(in_use()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(in_use()),
        Err(error) => Err(error),
    }
}

fn in_use() -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, "another process listens on this socket")
}

/// The file of a unix socket: removed when this is dropped, unless another process has put its own in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            path: path.to_owned(),
            identity: identity(&fs::symlink_metadata(path)?),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|there| identity(&there) == self.identity);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the file of a socket");
        }
    }
}

/// Which file it is, whatever it is called.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
