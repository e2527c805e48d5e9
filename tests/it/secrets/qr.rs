//! QR codes, read back by zbar as a phone's camera would.

use std::fs;
use std::path::Path;

use caspervpn::app::qr::Qr;

use super::run;

#[test]
fn png_of_every_size_reads_back() {
    let dir = tempfile::tempdir().unwrap();

    for size in [1, 14, 60, 150, 281, 333, 362, 425, 500, 700, 1000, 1500, 2331, 2332, 2953] {
        let text = sample(size);
        let png = Qr::new(&text).unwrap().to_png().unwrap();
        assert_eq!(scan(dir.path(), &png), text, "{size} bytes");
    }
}

#[test]
fn text_beyond_ascii_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let text = "# friendly_name = Адаs ноутбук é\n[Interface]\n";

    let png = Qr::new(text).unwrap().to_png().unwrap();

    assert_eq!(scan(dir.path(), &png), text);
}

#[test]
fn svg_draws_the_same_squares() {
    let dir = tempfile::tempdir().unwrap();
    let text = sample(362);
    let qr = Qr::new(&text).unwrap();

    let svg = qr.to_svg();

    let mut canvas = Canvas::light(qr.size());
    let path = svg.split(" d=\"").last().unwrap().split('"').next().unwrap();
    for square in path.split_terminator('z') {
        let (x, rest) = square.strip_prefix('M').unwrap().split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let run = rest.split_once("v1h-").unwrap().0;
        let (x, y, run): (usize, usize, usize) =
            (x.parse().unwrap(), y.parse().unwrap(), run.parse().unwrap());
        (x..x + run).for_each(|x| canvas.darken(x, y));
    }
    assert_eq!(scan(dir.path(), &canvas.to_png()), text);
}

#[test]
fn terminal_shows_the_same_squares() {
    let dir = tempfile::tempdir().unwrap();
    let text = sample(362);
    let qr = Qr::smallest(&text).unwrap();

    let shown = qr.to_terminal();

    let mut canvas = Canvas::light(qr.size() + 1);
    for (row, line) in shown.lines().enumerate() {
        for (x, c) in line.trim_start_matches("\x1b[30;107m").trim_end_matches("\x1b[0m").chars().enumerate()
        {
            if matches!(c, '▀' | '█') {
                canvas.darken(x, 2 * row);
            }
            if matches!(c, '▄' | '█') {
                canvas.darken(x, 2 * row + 1);
            }
        }
    }
    assert_eq!(scan(dir.path(), &canvas.to_png()), text);
}

fn sample(size: usize) -> String {
    "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.86.0.7/32\n"
        .chars()
        .cycle()
        .take(size)
        .collect()
}

/// zbar guesses Shift JIS for some UTF-8; `binary` gives the bytes that are in the code.
fn scan(dir: &Path, png: &[u8]) -> String {
    let path = dir.join("qr.png");
    fs::write(&path, png).unwrap();
    let output = run(
        "zbarimg",
        ["--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", "-Sbinary", path.to_str().unwrap()],
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A picture painted from what was shown, independent of how it was drawn.
struct Canvas {
    size: usize,
    dark: Vec<bool>,
}

impl Canvas {
    fn light(size: usize) -> Self {
        Self { size, dark: vec![false; size * size] }
    }

    fn darken(&mut self, x: usize, y: usize) {
        self.dark[y * self.size + x] = true;
    }

    fn to_png(&self) -> Vec<u8> {
        const SCALE: usize = 5;
        let side = self.size * SCALE;
        let pixels: Vec<u8> = (0..side * side)
            .map(|at| if self.dark[at / side / SCALE * self.size + at % side / SCALE] { 0 } else { 255 })
            .collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side.try_into().unwrap(), side.try_into().unwrap());
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        file
    }
}
