//! Writes plain tar archives: the ustar format of POSIX.1-1988, files only.

/// An archive under construction, in memory.
#[derive(Debug, Default)]
pub(super) struct Tar(Vec<u8>);

/// Everything in an archive is a multiple of this.
const BLOCK_BYTES: usize = 512;

/// Longest name that fits the header's own field.
const NAME_BYTES: usize = 100;

impl Tar {
    /// Adds a file that only its owner may read. `modified_s` is in unix seconds. Too long a name is cut.
    pub(super) fn add(&mut self, name: &str, contents: &[u8], modified_s: u64) {
        let mut header = [0_u8; BLOCK_BYTES];
        let name = &name.as_bytes()[..name.len().min(NAME_BYTES)];
        header[..name.len()].copy_from_slice(name);
        // Numbers are octal and end with a zero byte; twelve places hold eleven digits.
        for (at, text) in [
            (100, format!("{:07o}", 0o600)),
            (108, format!("{:07o}", 0)),
            (116, format!("{:07o}", 0)),
            (124, format!("{:011o}", contents.len())),
            (136, format!("{modified_s:011o}")),
        ] {
            header[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        // The sum counts its own field as blanks.
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(contents);
        self.0.resize(self.0.len().next_multiple_of(BLOCK_BYTES), 0);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK_BYTES, 0);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Tar;
    use std::process::Command;

    #[test]
    fn the_system_s_tar_reads_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut tar = Tar::default();
        tar.add("bundle/a.txt", b"hello\n", 1_800_000_000);
        tar.add("bundle/empty.json", b"", 1_800_000_000);
        tar.add("bundle/b.bin", &[7; 1024], 1_800_000_000);
        std::fs::write(dir.path().join("it.tar"), tar.finish()).unwrap();

        let out = Command::new("tar").args(["-xvf", "it.tar"]).current_dir(dir.path()).output().unwrap();

        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(String::from_utf8_lossy(&out.stdout), "bundle/a.txt\nbundle/empty.json\nbundle/b.bin\n");
        assert_eq!(std::fs::read(dir.path().join("bundle/a.txt")).unwrap(), b"hello\n");
        assert_eq!(std::fs::read(dir.path().join("bundle/b.bin")).unwrap(), [7; 1024]);
    }
}
