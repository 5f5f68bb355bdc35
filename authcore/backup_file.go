package authcore

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"iter"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// The form of a backup, whose numbers are big-endian:
//
//	magic, 16 bytes
//	length (4 bytes), header (JSON)
//	for each record: length of its name, 1 or more (4 bytes), and of its value (4 bytes), name, value
//	0 (4 bytes), how many records (8 bytes)
//	HMAC-SHA256 of all that (32 bytes)
//
// The names are in ascending order. The magic ends as that of PNG does, so that a
// transfer that took it for text shows at once.
const backupMagic = "SESAMEBACKUP\r\n\x1a\n"

// maxHeader bounds the header of a backup, which is read before it is known
// whose it is.
const maxHeader = 4 << 10

// backupWriter writes a backup.
type backupWriter struct {
	to  *bufio.Writer
	mac hash.Hash
}

// newBackupWriter begins a backup that is signed with key.
func newBackupWriter(w io.Writer, key []byte, h backupHeader) (*backupWriter, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := &backupWriter{mac: hmac.New(sha256.New, key)}
	b.to = bufio.NewWriterSize(io.MultiWriter(w, b.mac), store.MaxValue)
	return b, b.write([]byte(backupMagic), number(len(header)), header)
}

// number is a number of 4 bytes.
func number(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func (b *backupWriter) write(parts ...[]byte) error {
	for _, part := range parts {
		if _, err := b.to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (b *backupWriter) record(e store.Entry) error {
	return b.write(number(len(e.Key)), number(len(e.Value)), []byte(e.Key), e.Value)
}

// end ends a backup of so many records.
func (b *backupWriter) end(records int) error {
	if err := b.write(number(0), binary.BigEndian.AppendUint64(nil, uint64(records))); err != nil {
		return err
	}
	if err := b.to.Flush(); err != nil {
		return err
	}
	if err := b.write(b.mac.Sum(nil)); err != nil {
		return err
	}
	return b.to.Flush()
}

// backupReader reads a backup. Nothing that it returns is verified before its end.
type backupReader struct {
	from   *bufio.Reader
	macs   []hash.Hash // one for each key that may have signed it
	header backupHeader
	before []byte // what came before the keys were known
}

var errCut = refuseBackup("its end is missing: it was not written, or not copied, to its end")

// newBackupReader reads the header of a backup.
func newBackupReader(r io.Reader) (*backupReader, error) {
	b := &backupReader{from: bufio.NewReaderSize(r, store.MaxValue)}
	magic, err := b.take(len(backupMagic))
	if errors.Is(err, errCut) || err == nil && string(magic) != backupMagic {
		return nil, refuseBackup("it is no backup of Sésame")
	}
	if err != nil {
		return nil, err
	}
	n, err := b.number(maxHeader)
	if err != nil {
		return nil, err
	}
	header, err := b.take(n)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(header, &b.header); err != nil {
		return nil, refuseBackup("its beginning is damaged")
	}
	switch v := b.header.Version; {
	case v > backupVersion:
		return nil, refuseBackup("its format is version %d, and this program knows up to %d: restore it with a later version of Sésame", v, backupVersion)
	case v < oldestBackup:
		return nil, refuseBackup("its format is version %d, and this program knows %d at the earliest: restore it with an earlier version of Sésame", v, oldestBackup)
	}
	return b, nil
}

// sign says which keys may have signed the backup.
func (b *backupReader) sign(keys [][]byte) {
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write(b.before) // a hash takes all
		b.macs = append(b.macs, mac)
	}
}

// take reads so many bytes.
func (b *backupReader) take(n int) ([]byte, error) {
	part := make([]byte, n)
	_, err := io.ReadFull(b.from, part)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errCut
	}
	if err != nil {
		return nil, err
	}
	if b.macs == nil {
		b.before = append(b.before, part...)
	}
	for _, mac := range b.macs {
		_, _ = mac.Write(part)
	}
	return part, nil
}

// number reads a number of 4 bytes, that much at most.
func (b *backupReader) number(most int) (int, error) {
	part, err := b.take(4)
	if err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(part)
	if n > uint32(most) {
		return 0, refuseBackup("it is damaged: a length of %d, and the most is %d", n, most)
	}
	return int(n), nil
}

// records yields the records up to the mark behind the last.
func (b *backupReader) records() iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		last := ""
		for {
			e, more, err := b.record()
			if err == nil && more && e.Key <= last {
				err = refuseBackup("it is damaged: its records are not in order")
			}
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			if last = e.Key; !more || !yield(e, nil) {
				return
			}
		}
	}
}

func (b *backupReader) record() (e store.Entry, more bool, err error) {
	name, err := b.number(store.MaxKey)
	if err != nil || name == 0 {
		return e, false, err
	}
	value, err := b.number(store.MaxValue)
	if err != nil {
		return e, false, err
	}
	both, err := b.take(name + value)
	if err != nil {
		return e, false, err
	}
	return store.Entry{Key: string(both[:name]), Value: both[name:]}, true, nil
}

// end reads what stands behind the last record, and holds the backup to it.
func (b *backupReader) end(records int) error {
	count, err := b.take(8)
	if err != nil {
		return err
	}
	sums := make([][]byte, len(b.macs))
	for i, mac := range b.macs {
		sums[i] = mac.Sum(nil)
	}
	mac, err := b.take(sha256.Size)
	switch {
	case err != nil:
		return err
	case !signedBy(mac, sums), binary.BigEndian.Uint64(count) != uint64(records):
		return refuseBackup("it was changed or damaged after it was made: its signature is wrong")
	}
	if _, err := b.from.ReadByte(); !errors.Is(err, io.EOF) {
		return refuseBackup("something stands behind its end")
	}
	return nil
}
