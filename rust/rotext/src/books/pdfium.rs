//! PDFium, loaded at run time from the Python package `pypdfium2`: only the functions that reading a book needs.
//!
//! A page has about 3,000 characters, and six functions are called for each. From Python each call costs a microsecond of
//! `ctypes`. Here it is a call through a pointer, and the characters of a page become one array.
//!
//! PDFium is not thread-safe: a process opens one [`Pdf`] at a time, on one thread. `Pdf` has raw pointers, so the
//! compiler refuses to send it to another thread.

use std::ffi::{CString, c_char, c_double, c_float, c_int, c_uint, c_ulong, c_void};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::repeats;
use super::words::is_space;
use crate::error::{Error, Result};

type Handle = *mut c_void;

/// A rectangle of PDFium: left, top, right, bottom, in points, y upwards.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RectF {
    left: c_float,
    top: c_float,
    right: c_float,
    bottom: c_float,
}

/// A transformation: x' = ax + cy + e, y' = bx + dy + f.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Matrix {
    a: c_float,
    b: c_float,
    c: c_float,
    d: c_float,
    e: c_float,
    f: c_float,
}

/// Declares the table of functions, and how it is loaded from the library.
macro_rules! api {
    ($($field:ident = $symbol:literal: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        struct Api {
            $($field: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            // Never unloaded: `pypdfium2` may use the same library in this process.
            _library: std::mem::ManuallyDrop<libloading::Library>,
        }

        impl Api {
            fn load(library: libloading::Library) -> std::result::Result<Self, libloading::Error> {
                $(
                    // SAFETY: the type is the one of PDFium's public headers for this symbol (fpdfview.h, fpdf_text.h,
                    // fpdf_edit.h); the library outlives the pointer, because both are fields of `Api`.
                    let $field = unsafe { *library.get($symbol)? };
                )*
                Ok(Self { $($field,)* _library: std::mem::ManuallyDrop::new(library) })
            }
        }
    };
}

api! {
    init = b"FPDF_InitLibrary\0": fn();
    load = b"FPDF_LoadDocument\0": fn(*const c_char, *const c_char) -> Handle;
    close = b"FPDF_CloseDocument\0": fn(Handle);
    last_error = b"FPDF_GetLastError\0": fn() -> c_ulong;
    page_count = b"FPDF_GetPageCount\0": fn(Handle) -> c_int;
    load_page = b"FPDF_LoadPage\0": fn(Handle, c_int) -> Handle;
    close_page = b"FPDF_ClosePage\0": fn(Handle);
    page_width = b"FPDF_GetPageWidthF\0": fn(Handle) -> c_float;
    page_height = b"FPDF_GetPageHeightF\0": fn(Handle) -> c_float;
    page_box = b"FPDF_GetPageBoundingBox\0": fn(Handle, *mut RectF) -> c_int;
    count_objects = b"FPDFPage_CountObjects\0": fn(Handle) -> c_int;
    get_object = b"FPDFPage_GetObject\0": fn(Handle, c_int) -> Handle;
    object_type = b"FPDFPageObj_GetType\0": fn(Handle) -> c_int;
    object_bounds = b"FPDFPageObj_GetBounds\0":
        fn(Handle, *mut c_float, *mut c_float, *mut c_float, *mut c_float) -> c_int;
    text_load = b"FPDFText_LoadPage\0": fn(Handle) -> Handle;
    text_close = b"FPDFText_ClosePage\0": fn(Handle);
    text_count = b"FPDFText_CountChars\0": fn(Handle) -> c_int;
    text_unicode = b"FPDFText_GetUnicode\0": fn(Handle, c_int) -> c_uint;
    text_generated = b"FPDFText_IsGenerated\0": fn(Handle, c_int) -> c_int;
    text_unmapped = b"FPDFText_HasUnicodeMapError\0": fn(Handle, c_int) -> c_int;
    text_hyphen = b"FPDFText_IsHyphen\0": fn(Handle, c_int) -> c_int;
    text_box = b"FPDFText_GetCharBox\0":
        fn(Handle, c_int, *mut c_double, *mut c_double, *mut c_double, *mut c_double) -> c_int;
    text_loose_box = b"FPDFText_GetLooseCharBox\0": fn(Handle, c_int, *mut RectF) -> c_int;
    text_origin = b"FPDFText_GetCharOrigin\0": fn(Handle, c_int, *mut c_double, *mut c_double) -> c_int;
    text_matrix = b"FPDFText_GetMatrix\0": fn(Handle, c_int, *mut Matrix) -> c_int;
    text_object = b"FPDFText_GetTextObject\0": fn(Handle, c_int) -> Handle;
    object_font = b"FPDFTextObj_GetFont\0": fn(Handle) -> Handle;
    object_font_size = b"FPDFTextObj_GetFontSize\0": fn(Handle, *mut c_float) -> c_int;
    object_render_mode = b"FPDFTextObj_GetTextRenderMode\0": fn(Handle) -> c_int;
    font_name = b"FPDFFont_GetBaseFontName\0": fn(Handle, *mut c_char, usize) -> usize;
    bitmap_create = b"FPDFBitmap_CreateEx\0": fn(c_int, c_int, c_int, *mut c_void, c_int) -> Handle;
    bitmap_fill = b"FPDFBitmap_FillRect\0": fn(Handle, c_int, c_int, c_int, c_int, c_ulong) -> c_int;
    bitmap_destroy = b"FPDFBitmap_Destroy\0": fn(Handle);
    render = b"FPDF_RenderPageBitmap\0": fn(Handle, Handle, c_int, c_int, c_int, c_int, c_int, c_int);
}

/// A character as the page draws it. Lengths are points, y grows upwards, x along the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glyph {
    /// The character, by the font's table.
    pub c: char,
    /// Where the pen is before and after it.
    pub x0: f32,
    /// See `x0`.
    pub x1: f32,
    /// The baseline.
    pub y: f32,
    /// What is inked, from left to right.
    pub ink: [f32; 2],
    /// The size of its font on the page.
    pub em: f32,
    /// Index of the font in [`Pdf::fonts`].
    pub font: u16,
}

/// What a page draws.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// Width in points, in reading direction.
    pub width: f32,
    /// Height in points.
    pub height: f32,
    /// The characters, in the order in which they are drawn.
    pub glyphs: Vec<Glyph>,
    /// Characters without a table in their font: the text of these is a guess.
    pub unmapped: u32,
    /// Invisible characters: the text layer of a scan.
    pub hidden: u32,
    /// Characters in another direction than the page's text.
    pub turned: u32,
    /// Visible characters outside of the page, or outside of the part of it that is shown (its crop box).
    pub outside: u32,
    /// Characters that are drawn again at their place.
    pub repeated: u32,
    /// Share of the page that pictures cover.
    pub pictures: f32,
    /// The page has more characters than are read ([`MAX_GLYPHS`]).
    pub cut: bool,
}

/// The most characters of a page that are read. A dense page of a dictionary has 20,000; more than this bound is an
/// attack.
pub const MAX_GLYPHS: usize = 400_000;

/// A page as a picture: 8-bit grey, row after row.
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` bytes.
    pub pixels: Vec<u8>,
}

/// An open file.
pub struct Pdf {
    api: Api,
    document: Handle,
    path: PathBuf,
    pages: usize,
    /// The names of the fonts, in the order of their first use.
    pub fonts: Vec<String>,
    known: FxHashMap<String, u16>,
}

impl Pdf {
    /// Opens `path` with the PDFium at `library`.
    ///
    /// # Errors
    /// The library is missing or lacks a function; the file is not a PDF, damaged, or encrypted.
    pub fn open(path: &Path, library: &Path) -> Result<Self> {
        // SAFETY: loading PDFium runs its static initializers, which touch nothing of ours.
        let api = unsafe { libloading::Library::new(library) }.and_then(Api::load).map_err(|e| {
            Error::data(format!("PDFium could not be loaded ({e})"))
                .at(library)
                .hint("pip install --upgrade pypdfium2")
        })?;
        std::fs::metadata(path).map_err(|e| Error::io(path, &e))?;
        let Ok(name) = CString::new(path.as_os_str().as_encoded_bytes()) else {
            return Err(Error::usage("the name of the file holds a zero byte").at(path));
        };
        // SAFETY: no other document is open in this process (see the module); the strings end in zero.
        let document = unsafe {
            (api.init)();
            (api.load)(name.as_ptr(), std::ptr::null())
        };
        if document.is_null() {
            // SAFETY: only reads a number of the library.
            let code = unsafe { (api.last_error)() };
            let (what, hint) = match code {
                2 => ("the file cannot be read", "check who owns it"),
                4 => (
                    "the file is encrypted and asks for a password",
                    "remove the password (qpdf --decrypt) and run again",
                ),
                5 => ("the file's security scheme is not known", "print it to a new PDF"),
                _ => (
                    "the file is no PDF, or a damaged one",
                    "fetch it again, or repair it (qpdf, mutool clean)",
                ),
            };
            return Err(Error::data(what).at(path).hint(hint));
        }
        // SAFETY: the document is open.
        let pages = usize::try_from(unsafe { (api.page_count)(document) }).unwrap_or(0);
        Ok(Self {
            api,
            document,
            path: path.to_owned(),
            pages,
            fonts: Vec::new(),
            known: FxHashMap::default(),
        })
    }

    /// Pages.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages
    }

    fn load(&self, page: usize) -> Result<Page<'_>> {
        let number = c_int::try_from(page).unwrap_or(c_int::MAX);
        // SAFETY: the document is open; PDFium checks the number.
        let handle = unsafe { (self.api.load_page)(self.document, number) };
        if handle.is_null() {
            return Err(Error::data(format!("page {} is damaged", page + 1)).at(&self.path));
        }
        Ok(Page { api: &self.api, handle })
    }

    /// What page `page` (from 0) draws.
    ///
    /// # Errors
    /// The page is damaged.
    pub fn read(&mut self, page: usize) -> Result<Drawn> {
        let opened = self.load(page)?;
        let api = opened.api;
        // SAFETY: the page is open.
        let (width, height) = unsafe { ((api.page_width)(opened.handle), (api.page_height)(opened.handle)) };
        let mut drawn =
            Drawn { width, height, pictures: opened.pictures(width * height), ..Drawn::default() };
        // SAFETY: the page is open, and stays so until the text is closed.
        let handle = unsafe { (api.text_load)(opened.handle) };
        if handle.is_null() {
            return Ok(drawn);
        }
        let text = Text { api, handle };
        let shown = opened.shown();
        let mut raw = text.characters(&mut drawn, shown);
        drop(text);
        // The names of fonts are looked up once for each run of characters, here, where `self` may change again.
        let names = std::mem::take(&mut raw.names);
        drop(opened);
        let ids: Vec<u16> = names.into_iter().map(|name| self.font(name)).collect();
        for glyph in &mut raw.glyphs {
            glyph.1.font = ids[usize::from(glyph.1.font)];
        }
        turn(&mut drawn, raw.glyphs);
        drawn.repeated = repeats::remove(&mut drawn.glyphs);
        Ok(drawn)
    }

    fn font(&mut self, name: String) -> u16 {
        if let Some(&id) = self.known.get(&name) {
            return id;
        }
        // A book with 65,535 fonts is an attack; the fonts after that share the last number.
        let id = u16::try_from(self.fonts.len()).unwrap_or(u16::MAX);
        if id < u16::MAX {
            self.fonts.push(name.clone());
            self.known.insert(name, id);
        }
        id.min(u16::MAX - 1)
    }

    /// Draws page `page` (from 0) with `dpi` dots an inch, but at most 40 million dots.
    ///
    /// # Errors
    /// The page is damaged or has no size.
    pub fn render(&self, page: usize, dpi: f32) -> Result<Picture> {
        const MOST: f32 = 40e6;
        const GREY: c_int = 1;
        let opened = self.load(page)?;
        let api = &self.api;
        // SAFETY: the page is open.
        let (width, height) = unsafe { ((api.page_width)(opened.handle), (api.page_height)(opened.handle)) };
        let wanted = dpi / 72.0;
        let scale = wanted.min((MOST / (width * height).max(1.0)).sqrt());
        let (columns, rows) = ((width * scale).round() as usize, (height * scale).round() as usize);
        if columns == 0 || rows == 0 || columns.saturating_mul(rows) > 2 * MOST as usize {
            return Err(
                Error::data(format!("page {} has no size that could be drawn", page + 1)).at(&self.path)
            );
        }
        let mut pixels = vec![255u8; columns * rows];
        let (w, h) = (columns as c_int, rows as c_int);
        // SAFETY: the buffer has w * h bytes, a row is w bytes long, and it outlives the bitmap.
        unsafe {
            let bitmap = (api.bitmap_create)(w, h, GREY, pixels.as_mut_ptr().cast(), w);
            if bitmap.is_null() {
                return Err(Error::data(format!("page {} could not be drawn", page + 1)).at(&self.path));
            }
            (api.bitmap_fill)(bitmap, 0, 0, w, h, 0xFFFF_FFFF);
            (api.render)(bitmap, opened.handle, 0, 0, w, h, 0, 0);
            (api.bitmap_destroy)(bitmap);
        }
        Ok(Picture { width: columns, height: rows, pixels })
    }
}

impl Drop for Pdf {
    fn drop(&mut self) {
        // SAFETY: every page was closed by its own guard. The library stays initialized: initializing it again does
        // nothing, and destroying it would pull it from under whoever else uses it.
        unsafe {
            (self.api.close)(self.document);
        }
    }
}

struct Page<'p> {
    api: &'p Api,
    handle: Handle,
}

impl Page<'_> {
    /// The part of the page that is shown: its crop box within its media box. `None` if the page has no area.
    fn shown(&self) -> Option<RectF> {
        let mut shown = RectF::default();
        // SAFETY: the page is open, and the rectangle outlives the call.
        let known = unsafe { (self.api.page_box)(self.handle, &raw mut shown) } != 0;
        Some(shown).filter(|shown| known && shown.right > shown.left && shown.top > shown.bottom)
    }

    /// Share of the page's area that pictures cover.
    fn pictures(&self, area: f32) -> f32 {
        const PICTURE: c_int = 3;
        /// A page with more objects is a drawing; the rest of its pictures is not counted.
        const MOST: c_int = 20_000;
        let mut covered = 0.0;
        // SAFETY: the page is open, indices are below the count, and the four numbers outlive the call.
        unsafe {
            for index in 0..(self.api.count_objects)(self.handle).min(MOST) {
                let object = (self.api.get_object)(self.handle, index);
                if object.is_null() || (self.api.object_type)(object) != PICTURE {
                    continue;
                }
                let (mut left, mut bottom, mut right, mut top) = (0.0, 0.0, 0.0, 0.0);
                if (self.api.object_bounds)(
                    object,
                    &raw mut left,
                    &raw mut bottom,
                    &raw mut right,
                    &raw mut top,
                ) != 0
                {
                    covered += (right - left).max(0.0) * (top - bottom).max(0.0);
                }
            }
        }
        (covered / area.max(1.0)).min(1.0)
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        // SAFETY: opened by `Pdf::load`, closed once.
        unsafe { (self.api.close_page)(self.handle) }
    }
}

struct Text<'p> {
    api: &'p Api,
    handle: Handle,
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        // SAFETY: opened by `Pdf::read`, closed once, before its page.
        unsafe { (self.api.text_close)(self.handle) }
    }
}

/// Characters with their quarter turn, and the fonts of this page.
#[derive(Default)]
struct Raw {
    glyphs: Vec<(u8, Glyph)>,
    names: Vec<String>,
}

/// What the characters of one object share. It is read once, because PDFs draw whole lines with one object.
#[derive(Clone, Copy)]
struct Run {
    object: Handle,
    font: u16,
    size: f32,
    hidden: bool,
}

/// Where a character is.
enum Place {
    /// On the page: its quarter turn, and the character.
    On(u8, Glyph),
    /// Outside of what is shown.
    Outside,
    /// Nowhere that could be drawn.
    Unknown,
}

impl Text<'_> {
    fn characters(&self, drawn: &mut Drawn, shown: Option<RectF>) -> Raw {
        let api = self.api;
        let mut raw = Raw::default();
        // SAFETY: the text is open.
        let count = usize::try_from(unsafe { (api.text_count)(self.handle) }).unwrap_or(0);
        drawn.cut = count > MAX_GLYPHS;
        raw.glyphs.reserve(count.min(MAX_GLYPHS));
        let mut fonts: FxHashMap<usize, u16> = FxHashMap::default();
        let mut run = Run { object: std::ptr::null_mut(), font: 0, size: 0.0, hidden: false };
        for index in 0..count.min(MAX_GLYPHS) as c_int {
            // SAFETY: the text is open and `index` is below the count; so it is for all calls of the loop.
            let unicode = unsafe { (api.text_unicode)(self.handle, index) };
            // SAFETY: as above.
            let generated = || unsafe { (api.text_generated)(self.handle, index) } == 1;
            if matches!(unicode, 0x20 | 0x0A | 0x0D) && generated() {
                continue;
            }
            // SAFETY: as above.
            let object = unsafe { (api.text_object)(self.handle, index) };
            if object.is_null() {
                continue;
            }
            if object != run.object {
                run = self.run(object, &mut fonts, &mut raw.names);
            }
            drawn.hidden += u32::from(run.hidden);
            let Some(c) = self.character(unicode, index, &mut drawn.unmapped) else { continue };
            match self.place(index, c, run, shown) {
                Place::On(turn, glyph) => raw.glyphs.push((turn, glyph)),
                Place::Outside => drawn.outside += u32::from(!is_space(c)),
                Place::Unknown => {}
            }
        }
        if raw.names.is_empty() {
            raw.names.push(String::new());
        }
        raw
    }

    fn run(&self, object: Handle, fonts: &mut FxHashMap<usize, u16>, names: &mut Vec<String>) -> Run {
        /// Rendering mode 3: neither filled nor stroked.
        const INVISIBLE: c_int = 3;
        let api = self.api;
        let mut size = 0.0;
        // SAFETY: the object is of this open page.
        let (font, hidden) = unsafe {
            (api.object_font_size)(object, &raw mut size);
            ((api.object_font)(object), (api.object_render_mode)(object) == INVISIBLE)
        };
        let font = *fonts.entry(font.addr()).or_insert_with(|| {
            let mut name = [0u8; 128];
            let mut length = 0;
            if !font.is_null() {
                // SAFETY: the buffer has the length that is said.
                length = unsafe { (api.font_name)(font, name.as_mut_ptr().cast(), name.len()) };
            }
            let name = &name[..length.min(name.len())];
            let name = String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name)).into_owned();
            let known = names.iter().position(|other| *other == name);
            let id = known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            u16::try_from(id).unwrap_or(u16::MAX - 1)
        });
        Run { object, font, size, hidden }
    }

    fn character(&self, unicode: c_uint, index: c_int, unmapped: &mut u32) -> Option<char> {
        // SAFETY: the text is open and the index below the count.
        *unmapped += u32::from(unsafe { (self.api.text_unmapped)(self.handle, index) } == 1);
        // PDFium shows the hyphen that ends a line as U+FFFE (formerly U+0002).
        // SAFETY: as above.
        if matches!(unicode, 0xFFFE | 2) && unsafe { (self.api.text_hyphen)(self.handle, index) } == 1 {
            return Some('-');
        }
        match unicode {
            0 => None,
            0xFFFE | 0xFFFF => Some('\u{FFFD}'),
            _ => char::from_u32(unicode).or(Some('\u{FFFD}')),
        }
    }

    fn place(&self, index: c_int, c: char, run: Run, shown: Option<RectF>) -> Place {
        let api = self.api;
        let (mut left, mut right, mut bottom, mut top) = (0.0, 0.0, 0.0, 0.0);
        let (mut x, mut y) = (0.0, 0.0);
        let mut loose = RectF::default();
        let mut matrix = Matrix::default();
        // SAFETY: the text is open, the index below the count, and the variables outlive the calls.
        let known = unsafe {
            (api.text_box)(self.handle, index, &raw mut left, &raw mut right, &raw mut bottom, &raw mut top);
            (api.text_matrix)(self.handle, index, &raw mut matrix);
            (api.text_loose_box)(self.handle, index, &raw mut loose) != 0
                && (api.text_origin)(self.handle, index, &raw mut x, &raw mut y) != 0
        };
        let (x, y) = (x as f32, y as f32);
        let numbers = [x, y, loose.left, loose.right, loose.top, loose.bottom];
        if !known || numbers.iter().any(|number| !number.is_finite() || number.abs() > 1e6) {
            return Place::Unknown;
        }
        let (across, up) = (f32::midpoint(loose.left, loose.right), f32::midpoint(loose.top, loose.bottom));
        let on = |s: RectF| (s.left..=s.right).contains(&across) && (s.bottom..=s.top).contains(&up);
        if shown.is_some_and(|shown| !on(shown)) {
            return Place::Outside;
        }
        let em = run.size.abs() * matrix.c.hypot(matrix.d);
        let (turn, x0, x1, y, ink) = if matrix.a.abs() >= matrix.b.abs() {
            if matrix.a >= 0.0 {
                (0, x, loose.right.max(x), y, [left as f32, right as f32])
            } else {
                (2, -x, (-loose.left).max(-x), -y, [-right as f32, -left as f32])
            }
        } else if matrix.b > 0.0 {
            (1, y, loose.top.max(y), -x, [bottom as f32, top as f32])
        } else {
            (3, -y, (-loose.bottom).max(-y), x, [-top as f32, -bottom as f32])
        };
        let em = if em.is_finite() && em > 0.1 { em } else { (loose.top - loose.bottom).abs().max(1.0) };
        Place::On(turn, Glyph { c, x0, x1, y, ink, em, font: run.font })
    }
}

/// Keeps the characters of the most common direction, with coordinates as if the page were upright.
fn turn(drawn: &mut Drawn, glyphs: Vec<(u8, Glyph)>) {
    let mut counts = [0u32; 4];
    glyphs.iter().for_each(|(turn, _)| counts[usize::from(*turn)] += 1);
    // If two are equally common, the smaller turn counts.
    let main = (0..4u8).rev().max_by_key(|turn| counts[usize::from(*turn)]).unwrap_or(0);
    drawn.turned = counts.iter().sum::<u32>() - counts[usize::from(main)];
    let (dx, dy) = match main {
        0 => (0.0, 0.0),
        1 => (0.0, drawn.width),
        2 => (drawn.width, drawn.height),
        _ => (drawn.height, 0.0),
    };
    if main % 2 == 1 {
        std::mem::swap(&mut drawn.width, &mut drawn.height);
    }
    let upright = |(_, g): (u8, Glyph)| Glyph {
        x0: g.x0 + dx,
        x1: g.x1 + dx,
        y: g.y + dy,
        ink: [g.ink[0] + dx, g.ink[1] + dx],
        ..g
    };
    drawn.glyphs = glyphs.into_iter().filter(|(turn, _)| *turn == main).map(upright).collect();
}
