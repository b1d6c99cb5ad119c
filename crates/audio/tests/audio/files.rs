use pilotlight_audio::{Encoding, Format, Reader};

use crate::kit::{Layout, MONO, chunk, read, read_wav, refusal, riff, wav};

const PCM: [u8; 8] = [0, 0, 0, 0x40, 0, 0x80, 0xff, 0x7f];
const SAMPLES: [f32; 4] = [0.0, 0.5, -1.0, 32_767.0 / 32_768.0];

#[test]
fn samples_of_integers_and_floats_are_read() {
    assert_eq!(read_wav(&wav(Layout::of(MONO), &PCM)).unwrap(), SAMPLES);
    let floats: Vec<u8> = SAMPLES.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let format = Format { encoding: Encoding::F32, ..MONO };
    assert_eq!(read_wav(&wav(Layout::of(format), &floats)).unwrap(), SAMPLES);
    assert_eq!(read(Reader::pcm(format).unwrap(), &floats, &[3]).unwrap(), SAMPLES);
}

#[test]
fn stereo_becomes_the_mean_of_both_channels() {
    let stereo = Format { channels: 2, ..MONO };
    let found = read(Reader::pcm(stereo).unwrap(), &PCM, &[1]).unwrap();
    assert_eq!(found, [0.25, (32_767.0 / 32_768.0 - 1.0) / 2.0]);
}

#[test]
fn floats_above_full_scale_are_clipped_and_others_refused() {
    let format = Format { encoding: Encoding::F32, ..MONO };
    let read = |value: f32| {
        let bytes = [0f32.to_le_bytes(), value.to_le_bytes()].concat();
        read(Reader::pcm(format).unwrap(), &bytes, &[bytes.len()])
    };
    assert_eq!(read(1e30).unwrap(), [0.0, 1.0]);
    assert_eq!(read(-3.0).unwrap(), [0.0, -1.0]);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(read(value).unwrap_err().to_string(), "sample 1 is not a finite number");
    }
}

#[test]
fn other_chunks_and_what_follows_the_samples_are_skipped() {
    let layout = chunk(b"fmt ", &Layout::of(MONO).chunk());
    let file = riff(&[
        chunk(b"LIST", b"INFOodd"),
        layout,
        chunk(b"fact", &[4, 0, 0, 0]),
        chunk(b"data", &PCM),
        chunk(b"LIST", &[1; 100]),
    ]);
    assert_eq!(read_wav(&file).unwrap(), SAMPLES);
}

#[test]
fn a_file_of_unknown_length_is_read_to_its_end() {
    for size in [0, 0x7fff_ffdb, u32::MAX] {
        let mut file = riff(&[chunk(b"fmt ", &Layout::of(MONO).chunk())]);
        file.extend(b"data");
        file.extend(size.to_le_bytes());
        file.extend(PCM);
        assert_eq!(read_wav(&file).unwrap(), SAMPLES, "{size}");
    }
}

#[test]
fn extensible_files_are_read_by_their_subformat() {
    let extensible = |tag: u16, guid_end: u8| {
        let mut fmt = Layout { tag: 0xfffe, ..Layout::of(MONO) }.chunk();
        fmt.extend([22, 0, 16, 0, 4, 0, 0, 0]);
        fmt.extend(tag.to_le_bytes());
        fmt.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, guid_end]);
        riff(&[chunk(b"fmt ", &fmt), chunk(b"data", &PCM)])
    };
    assert_eq!(read_wav(&extensible(1, 0x71)).unwrap(), SAMPLES);
    assert!(refusal(&extensible(7, 0x71)).contains("mu-law"));
    assert!(refusal(&extensible(1, 0x72)).contains("unknown kind"));
}

#[test]
fn an_empty_recording_has_no_samples() {
    let file = wav(Layout::of(MONO), &[]);
    assert!(read_wav(&file).unwrap().is_empty());
    assert!(read(Reader::pcm(MONO).unwrap(), &[], &[1]).unwrap().is_empty());
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let with = |tag, channels, rate, bits| wav(Layout { tag, channels, rate, bits }, &PCM);
    for (file, part) in [
        (with(1, 1, 16_000, 8), "8-bit integers"),
        (with(1, 1, 16_000, 24), "24-bit integers"),
        (with(3, 1, 16_000, 64), "64-bit floats"),
        (with(6, 1, 8_000, 8), "A-law"),
        (with(0x55, 1, 16_000, 16), "MP3"),
        (with(0x1234, 1, 16_000, 16), "format 0x1234"),
        (with(1, 0, 16_000, 16), "0 channels"),
        (with(1, 6, 16_000, 16), "6 channels"),
        (with(1, 1, 7_999, 16), "7999 Hz"),
        (with(1, 1, 96_000, 16), "96000 Hz"),
    ] {
        let refused = refusal(&file);
        assert!(refused.contains(part) && refused.contains("not supported"), "{refused}");
    }
    for (magic, name) in [
        (&b"fLaC\0\0\0\x22\x10\0\x10\0"[..], "FLAC"),
        (b"OggS\0\x02\0\0\0\0\0\0", "Ogg"),
        (b"ID3\x04\0\0\0\0\0\0\0\0", "MP3"),
        (b"\xff\xfb\x90\x64\0\0\0\0\0\0\0\0", "MP3"),
        (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0", "WebM"),
        (b"RF64\xff\xff\xff\xffWAVE", "RF64"),
        (b"RIFF\0\0\0\0AVI ", "AVI"),
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"{\"inputs\": \"a\"}", "this file format"),
        (b"OggS", "Ogg"),
    ] {
        let refused = refusal(magic);
        assert!(refused.starts_with(name), "{refused}");
    }
}

#[test]
fn what_is_damaged_is_named() {
    let fmt = || chunk(b"fmt ", &Layout::of(MONO).chunk());
    let mut block = Layout::of(MONO).chunk();
    block[12] = 3;
    for (file, part) in [
        (riff(&[chunk(b"data", &PCM)]), "`data` stands before `fmt `"),
        (riff(&[fmt(), fmt(), chunk(b"data", &PCM)]), "two chunks `fmt `"),
        (riff(&[chunk(b"fmt ", &[1, 0, 1, 0]), chunk(b"data", &PCM)]), "`fmt ` has 4 bytes"),
        (riff(&[chunk(b"fmt ", &[0; 100])]), "`fmt ` has 100 bytes"),
        (riff(&[chunk(b"fmt ", &block), chunk(b"data", &PCM)]), "a block has 3 bytes, not 2"),
        (riff(&[chunk(b"junk", &vec![0; 2 << 20])]), "bytes stand before its samples"),
        (riff(&[fmt()]), "ends before its samples"),
        (b"RI".to_vec(), "ends before its samples"),
        (vec![], "ends before its samples"),
    ] {
        let refused = refusal(&file);
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn first_bytes_tell_a_wav_file_from_samples() {
    let read = |bytes: &[u8]| read(Reader::wav_or_pcm(MONO).unwrap(), bytes, &[5]);
    assert_eq!(read(&wav(Layout::of(MONO), &PCM)).unwrap(), SAMPLES);
    assert_eq!(read(&PCM).unwrap(), SAMPLES, "shorter than what tells");
    assert_eq!(read(&PCM.repeat(3)).unwrap(), SAMPLES.repeat(3));
    assert!(read(b"OggS\0\x02\0\0\0\0\0\0\0").unwrap_err().to_string().starts_with("Ogg"));
    // Samples that begin as an MP3 frame does.
    assert_eq!(read(&b"\xff\xfb".repeat(8)).unwrap().len(), 8);
    assert!(Reader::wav_or_pcm(pilotlight_audio::Format { rate: 1, ..MONO }).is_err());
}
