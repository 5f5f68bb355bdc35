package screenshot

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"io"
)

const (
	typePNG  = "image/png"
	typeJPEG = "image/jpeg"
)

// form is one of the two file formats. walk goes through a file's segments, wants it
// to end where its picture does, and gives the EXIF orientation, 1 where there is none.
type form struct {
	kind   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	walk   func([]byte) (int, error)
}

const signaturePNG = "\x89PNG\r\n\x1a\n"

// formOf tells the format by its first bytes alone: what the sender calls a file says
// nothing.
func formOf(file []byte) (form, error) {
	switch {
	case bytes.HasPrefix(file, []byte(signaturePNG)):
		return form{typePNG, png.DecodeConfig, png.Decode, walkPNG}, nil
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		return form{typeJPEG, jpeg.DecodeConfig, jpeg.Decode, walkJPEG}, nil
	}
	return form{}, ErrFormat
}

// walkPNG goes from chunk to chunk (PNG, section 5.3) up to IEND.
func walkPNG(file []byte) (int, error) {
	rest := file[len(signaturePNG):]
	for len(rest) >= 12 {
		length := uint64(binary.BigEndian.Uint32(rest))
		if length > uint64(len(rest)-12) {
			return 0, ErrDamaged
		}
		name := string(rest[4:8])
		rest = rest[12+length:]
		if name == "IEND" {
			return 1, ended(rest)
		}
	}
	return 0, ErrDamaged
}

// ended wants nothing behind the picture but zeros, which pad some files.
func ended(rest []byte) error {
	if len(bytes.Trim(rest, "\x00")) > 0 {
		return ErrMore
	}
	return nil
}

// The markers of JPEG (ITU-T T.81, table B.1) that matter here.
const (
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
)

// walkJPEG goes from segment to segment (ITU-T T.81, annex B) up to the end of the
// image.
func walkJPEG(file []byte) (orientation int, err error) {
	orientation = 1
	rest := file[2:]
	for {
		for len(rest) >= 2 && rest[0] == 0xff && rest[1] == 0xff { // fill bytes
			rest = rest[1:]
		}
		if len(rest) < 2 || rest[0] != 0xff {
			return 0, ErrDamaged
		}
		marker := rest[1]
		if marker == markerEOI {
			return orientation, ended(rest[2:])
		}
		if len(rest) < 4 {
			return 0, ErrDamaged
		}
		length := 2 + int(binary.BigEndian.Uint16(rest[2:]))
		if length < 4 || length > len(rest) {
			return 0, ErrDamaged
		}
		if marker == markerAPP1 {
			orientation = orientationOf(rest[4:length], orientation)
		}
		if rest = rest[length:]; marker == markerSOS {
			rest = rest[scan(rest):]
		}
	}
}

// scan is how long the coded data are: up to a marker that neither stands for a byte
// 255 nor begins a part anew.
func scan(data []byte) int {
	for i := 0; i+1 < len(data); i++ {
		if data[i] == 0xff && data[i+1] != 0 && data[i+1] != 0xff && data[i+1]&^7 != 0xd0 {
			return i
		}
	}
	return len(data)
}

// orientationOf reads the orientation out of a segment APP1, if it is Exif's: a TIFF
// header and its first directory.
func orientationOf(segment []byte, otherwise int) int {
	tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00"))
	if !ok || len(tiff) < 8 {
		return otherwise
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	const entry, tagOrientation = 12, 0x0112
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return otherwise
	}
	directory := tiff[at:]
	n := int(order.Uint16(directory))
	for directory = directory[2:]; n > 0 && len(directory) >= entry; n, directory = n-1, directory[entry:] {
		if value := int(order.Uint16(directory[8:])); order.Uint16(directory) == tagOrientation && value >= 1 && value <= 8 {
			return value
		}
	}
	return otherwise
}
