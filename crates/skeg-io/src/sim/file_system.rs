//! The simulated file system: directories and files behind paths, without faults and without
//! handles' rights.
//!
//! Invariants:
//! - `links` counts the entries that lead to a node as programs see them, `handles` who has it
//!   open; a node without either takes no space, but stays while a power loss may bring an entry
//!   back.
//! - Each change has a sequence number, the two halves of a rename the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};

use rustix::io::Errno;

use super::content::Content;
use super::directory::{Directory, Inode};
use super::outcome::{Chooser, CrashPolicy};
use super::rng::SimRng;

/// The directory at the top.
const ROOT: Inode = 1;

#[derive(Clone, Debug)]
enum Body {
    File(Content),
    Directory(Directory),
}

#[derive(Clone, Debug)]
struct Node {
    body: Body,
    links: u32,
    handles: u32,
}

impl Node {
    fn new(body: Body) -> Self {
        Self { body, links: 0, handles: 0 }
    }
}

/// Everything on one disk.
#[derive(Clone, Debug)]
pub(super) struct FileSystem {
    nodes: BTreeMap<Inode, Node>,
    inode_next: Inode,
    sequence: u64,
}

impl FileSystem {
    /// A disk with an empty directory at the top.
    pub(super) fn new() -> Self {
        let mut root = Node::new(Body::Directory(Directory::default()));
        root.links = 1;
        Self { nodes: BTreeMap::from([(ROOT, root)]), inode_next: ROOT + 1, sequence: 0 }
    }

    /// The number of the latest change.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The number for a new change.
    pub(super) fn advance(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// What a path leads to.
    pub(super) fn lookup(&self, path: &Path) -> io::Result<Inode> {
        names(path).iter().try_fold(ROOT, |inode, name| {
            self.directory(inode)?.live().get(name).copied().ok_or_else(|| Errno::NOENT.into())
        })
    }

    /// The content of a file.
    pub(super) fn file(&self, inode: Inode) -> io::Result<&Content> {
        match self.nodes.get(&inode).map(|node| &node.body) {
            Some(Body::File(content)) => Ok(content),
            Some(Body::Directory(_)) => Err(Errno::ISDIR.into()),
            None => Err(Errno::NOENT.into()),
        }
    }

    /// The content of a file, to be changed.
    pub(super) fn file_mut(&mut self, inode: Inode) -> io::Result<&mut Content> {
        match self.nodes.get_mut(&inode).map(|node| &mut node.body) {
            Some(Body::File(content)) => Ok(content),
            Some(Body::Directory(_)) => Err(Errno::ISDIR.into()),
            None => Err(Errno::NOENT.into()),
        }
    }

    /// The entries of a directory.
    pub(super) fn directory(&self, inode: Inode) -> io::Result<&Directory> {
        match self.nodes.get(&inode).map(|node| &node.body) {
            Some(Body::Directory(directory)) => Ok(directory),
            Some(Body::File(_)) => Err(Errno::NOTDIR.into()),
            None => Err(Errno::NOENT.into()),
        }
    }

    /// The entries of a directory, to be synced.
    pub(super) fn directory_mut(&mut self, inode: Inode) -> io::Result<&mut Directory> {
        match self.nodes.get_mut(&inode).map(|node| &mut node.body) {
            Some(Body::Directory(directory)) => Ok(directory),
            Some(Body::File(_)) => Err(Errno::NOTDIR.into()),
            None => Err(Errno::NOENT.into()),
        }
    }

    /// Creates an empty file.
    pub(super) fn create_file(&mut self, path: &Path) -> io::Result<Inode> {
        self.create(path, Body::File(Content::default()))
    }

    /// Creates an empty directory in an existing one.
    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<Inode> {
        self.create(path, Body::Directory(Directory::default()))
    }

    /// Gives a node a new path, replacing a file or an empty directory that had it.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.lookup(from)?;
        let (from_directory, from_name) = self.place(from)?;
        let (to_directory, to_name) = self.place(to)?;
        let is_directory = self.directory(inode).is_ok();
        if is_directory && names(to).starts_with(&names(from)) && names(to) != names(from) {
            return Err(Errno::INVAL.into());
        }
        if let Some(&target) = self.directory(to_directory)?.live().get(&to_name) {
            if target == inode {
                return Ok(());
            }
            match (is_directory, self.directory(target)) {
                (true, Ok(directory)) if !directory.live().is_empty() => {
                    return Err(Errno::NOTEMPTY.into());
                }
                (true, Err(_)) => return Err(Errno::NOTDIR.into()),
                (false, Ok(_)) => return Err(Errno::ISDIR.into()),
                (true, Ok(_)) | (false, Err(_)) => {}
            }
        }
        let sequence = self.advance();
        self.set_entry(to_directory, &to_name, Some(inode), sequence)?;
        self.set_entry(from_directory, &from_name, None, sequence)
    }

    /// Gives a file a second path.
    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.lookup(from)?;
        if self.directory(inode).is_ok() {
            return Err(Errno::PERM.into());
        }
        let (directory, name) = self.place(to)?;
        if self.directory(directory)?.live().contains_key(&name) {
            return Err(Errno::EXIST.into());
        }
        let sequence = self.advance();
        self.set_entry(directory, &name, Some(inode), sequence)
    }

    /// Takes away the entry of a file or of an empty directory.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.lookup(path)?;
        let (directory, name) = self.place(path)?;
        if self.directory(inode).is_ok_and(|directory| !directory.live().is_empty()) {
            return Err(Errno::NOTEMPTY.into());
        }
        let sequence = self.advance();
        self.set_entry(directory, &name, None, sequence)
    }

    /// Somebody has opened the node.
    pub(super) fn retain(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.handles += 1;
        }
    }

    /// Somebody has closed the node.
    pub(super) fn release(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.handles -= 1;
        }
    }

    /// Pages in use.
    pub(super) fn pages_used(&self) -> u64 {
        let in_use = self.nodes.values().filter(|node| node.links > 0 || node.handles > 0);
        in_use
            .map(|node| match &node.body {
                Body::File(content) => content.blocks().pages(),
                Body::Directory(_) => 0,
            })
            .sum()
    }

    /// The paths below the top that lead to files, sorted.
    pub(super) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut above = BTreeSet::new();
        self.list(ROOT, "", &mut above, &mut found);
        found.sort_unstable();
        found
    }

    /// Forgets what neither a path, nor a handle, nor a power loss can lead to.
    pub(super) fn collect(&mut self) {
        let held = self.nodes.iter().filter(|(_, node)| node.handles > 0).map(|(&inode, _)| inode);
        let mut reached = BTreeSet::new();
        let mut next: Vec<Inode> = held.chain([ROOT]).collect();
        while let Some(inode) = next.pop() {
            if reached.insert(inode)
                && let Ok(directory) = self.directory(inode)
            {
                next.extend(directory.referenced());
            }
        }
        self.nodes.retain(|inode, _| reached.contains(inode));
    }

    /// The disk as the next process finds it after this one was killed: all is there, also what was
    /// not synced, and may still be lost with the power.
    pub(super) fn after_kill(&self) -> Self {
        let mut found = self.clone();
        for node in found.nodes.values_mut() {
            node.handles = 0;
        }
        found.collect();
        found
    }

    /// The disk as it is found after a power loss.
    pub(super) fn after_power_loss(&self, policy: CrashPolicy, rng: &mut SimRng) -> Self {
        let oldest = self.oldest_pending().unwrap_or(self.sequence);
        let mut chooser = Chooser::new(policy, rng, oldest, self.sequence);
        let mut found = self.clone();
        for node in found.nodes.values_mut() {
            node.links = 0;
            node.handles = 0;
            node.body = match &node.body {
                Body::File(content) => Body::File(content.after_power_loss(&mut chooser)),
                Body::Directory(directory) => {
                    Body::Directory(directory.after_power_loss(&mut chooser))
                }
            };
        }
        found.collect();
        found.count_links();
        found
    }

    fn oldest_pending(&self) -> Option<u64> {
        let oldest = |node: &Node| match &node.body {
            Body::File(content) => content.oldest_pending(),
            Body::Directory(directory) => directory.oldest_pending(),
        };
        self.nodes.values().filter_map(oldest).min()
    }

    fn count_links(&mut self) {
        let mut links: BTreeMap<Inode, u32> = BTreeMap::from([(ROOT, 1)]);
        for node in self.nodes.values() {
            if let Body::Directory(directory) = &node.body {
                for &inode in directory.live().values() {
                    *links.entry(inode).or_default() += 1;
                }
            }
        }
        for (inode, node) in &mut self.nodes {
            node.links = links.get(inode).copied().unwrap_or(0);
        }
    }

    fn create(&mut self, path: &Path, body: Body) -> io::Result<Inode> {
        let (directory, name) = self.place(path)?;
        if self.directory(directory)?.live().contains_key(&name) {
            return Err(Errno::EXIST.into());
        }
        let inode = self.inode_next;
        self.inode_next += 1;
        self.nodes.insert(inode, Node::new(body));
        let sequence = self.advance();
        self.set_entry(directory, &name, Some(inode), sequence)?;
        Ok(inode)
    }

    /// The directory that holds the entry of `path`, and the entry's name.
    fn place(&self, path: &Path) -> io::Result<(Inode, String)> {
        let mut names = names(path);
        let name = names.pop().ok_or(Errno::BUSY)?;
        let directory = self.lookup(&names.iter().collect::<std::path::PathBuf>())?;
        self.directory(directory)?;
        Ok((directory, name))
    }

    fn set_entry(
        &mut self,
        directory: Inode,
        name: &str,
        target: Option<Inode>,
        sequence: u64,
    ) -> io::Result<()> {
        let former = self.directory_mut(directory)?.set(name, target, sequence);
        if let Some(node) = former.and_then(|inode| self.nodes.get_mut(&inode)) {
            node.links -= 1;
        }
        if let Some(node) = target.and_then(|inode| self.nodes.get_mut(&inode)) {
            node.links += 1;
        }
        Ok(())
    }

    fn list(&self, inode: Inode, path: &str, above: &mut BTreeSet<Inode>, found: &mut Vec<String>) {
        let Ok(directory) = self.directory(inode) else {
            found.push(path.to_owned());
            return;
        };
        // A power loss may leave a directory within itself, when renames of directories were cut.
        if above.insert(inode) {
            for (name, &inode) in directory.live() {
                self.list(inode, &format!("{path}/{name}"), above, found);
            }
            above.remove(&inode);
        }
    }
}

/// The names on the way from the top to `path`. A relative path starts at the top as well.
pub(super) fn names(path: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => {
                names.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    names
}
