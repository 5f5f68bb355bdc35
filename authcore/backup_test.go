package authcore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// backup is a backup of the bench's store.
func (b *bench) backup() []byte {
	b.t.Helper()
	var file bytes.Buffer
	made, err := b.WriteBackup(context.Background(), by, &file)
	b.must(err)
	found, err := b.secrets().CheckBackup(bytes.NewReader(file.Bytes()))
	b.must(err)
	if found != made || found.Records == 0 {
		b.t.Fatalf("made %+v, found %+v", made, found)
	}
	return file.Bytes()
}

// restoredStore is a new store that a backup was restored into.
func (b *bench) restoredStore(file []byte) store.Store {
	b.t.Helper()
	c := Config{Store: store.NewMemory(b.clock), Secrets: b.secrets(), Now: b.clock}
	_, err := Restore(b.t.Context(), c, by, bytes.NewReader(file))
	b.must(err)
	return c.Store
}

// restored is the bench over such a store.
func (b *bench) restored(file []byte) *bench {
	b.t.Helper()
	r := &bench{t: b.t, from: b.from, store: b.restoredStore(file), key: b.key}
	r.setTime(b.clock())
	var err error
	r.Gate, err = New(b.t.Context(), Config{Store: r.store, Secrets: b.secrets(), Now: r.clock})
	b.must(err)
	r.shared.pins.cost = cheapPIN
	return r
}

// sound wants an audit trail in which nothing is wrong.
func (b *bench) sound() {
	b.t.Helper()
	v, err := b.VerifyAudit(b.t.Context())
	b.must(err)
	if v.Wrong != 0 || v.Entries == 0 {
		b.t.Errorf("of %d entries %d are wrong: %q", v.Entries, v.Wrong, v.Faults)
	}
}

// A backup of a store that has lived holds all of it but what lives for minutes
// or hours, and as it stands there: sealed.
func TestBackupAndRestore(t *testing.T) {
	b := livedIn(t).bench
	file := b.backup()
	if s := shows(string(file), "seed of the key ", "Jeanne", "enseignants"); s != "" {
		t.Errorf("the backup shows %s", s)
	}
	was, is := b.records(), (&bench{t: t, store: b.restoredStore(file)}).records()
	kinds := map[string]bool{}
	for name := range was {
		_, there := is[name]
		if there == leftOut(name) {
			t.Errorf("a record of the kind %s is restored: %v", kindOf(name), there)
		}
		kinds[kindOf(name)] = true
	}
	for _, kind := range ephemeral {
		if !kinds[kind] {
			t.Errorf("no record of the kind %s was there to be left out", kind)
		}
	}
	r := b.restored(file)
	r.sound()
	if n := r.count(StoreBackedUp); n != 1 {
		t.Errorf("%d entries tell of the backup", n)
	}
	if e := r.eventsOf(kindIs(StoreRestored)); len(e) != 1 || !e[0].Alert || !strings.Contains(e[0].Detail, "a backup of 20") {
		t.Errorf("of the restore tell %+v", e)
	}
}

// Whatever became of a key after the backup, no code that was used then or before
// opens, and what was shut before is shut.
func TestNothingUsedRevives(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	file := b.backup()
	var used []string
	for range 5 { // after the backup
		b.wait(1)
		used = append(used, pin+b.shows(0))
		b.want(b.login("jdupont", used[len(used)-1]), Granted, Done)
	}
	r := b.restored(file)
	for range 12 {
		for _, typed := range append(used, pin+r.shows(0)) {
			r.elsewhere()
			if got := r.login("jdupont", typed); got.Outcome == Granted || got.Outcome == Asked {
				t.Fatalf("a code of before the restore: %s", got.Outcome)
			}
			if r.clock().Sub(b.clock()) >= 10*time.Minute {
				break
			}
		}
		r.wait(1)
	}
	r.elsewhere()
	last := r.login("jdupont", pin+r.shows(0))
	if last.Outcome == Asked { // after so many failures, two codes in a row
		r.wait(1)
		last = r.nextCode(last, r.shows(0))
	}
	r.want(last, Granted, Done)
	r.sound()
}

// What a restore makes of a key in each state.
func TestKeyRestored(t *testing.T) {
	now := benchStart
	codes := emergency{Codes: []string{"12345678"}, Until: now.Add(time.Hour), Reason: "left in a train"}
	step := totpKey("A").StepAt(now)
	for _, c := range []struct {
		name        string
		was         Key
		state       State
		used, moved otp.Step
	}{
		{"active", Key{State: Active, Generator: totpKey("A"), Used: 7, Drift: 3}, Active, step + 13, 0},
		{"used later", Key{State: Active, Generator: totpKey("A"), Used: step + 700}, Active, step + 700, 0},
		{"PIN to define", Key{State: PINToDefine, Generator: totpKey("A"), Used: -1}, PINToDefine, step + 10, 0},
		{"locked", Key{State: Locked, Generator: totpKey("A"), WrongPIN: 5}, Locked, step + 10, 0},
		{"lost", Key{State: Lost, Generator: totpKey("A"), Emergency: codes}, Lost, step + 10, 0},
		{"locked over emergency codes", Key{State: Locked, Generator: totpKey("A"), Emergency: codes, WrongPIN: 5}, Lost, step + 10, 0},
		{"retired", Key{State: Retired, Generator: totpKey("A")}, Retired, step + 10, 0},
		{"a counter", Key{State: Active, Generator: hotpKey("A"), Used: 7}, ToSynchronise, 7, 0},
		{"a counter, locked", Key{State: Locked, Generator: hotpKey("A"), Used: 7}, Locked, 7, 0},
		{"a counter, PIN to define", Key{State: PINToDefine, Generator: hotpKey("A"), Used: -1}, PINToDefine, -1, 0},
	} {
		is := c.was.Restored(now, DefaultPolicy())
		if is.State != c.state || is.Used != c.used || is.Emergency.given() || is.WrongPIN != c.was.WrongPIN || is.Drift != c.was.Drift {
			t.Errorf("%s: %s, used %d, want %s, %d; emergency codes: %v", c.name, is.State, is.Used, c.state, c.used, is.Emergency.given())
		}
	}
	found, err := Key{State: Locked, Generator: totpKey("A"), Emergency: codes, WrongPIN: 5}.Restored(now, DefaultPolicy()).Found(DefaultPolicy())
	if err != nil || found.State != Locked {
		t.Errorf("a key that was locked over its emergency codes is %s once it is found (%v)", found.State, err)
	}
	unlocked, err := Key{State: Locked, Generator: hotpKey("A"), PIN: "x"}.Unlock()
	if err != nil || unlocked.State != ToSynchronise {
		t.Errorf("a counter-based key is %s once it is unlocked (%v)", unlocked.State, err)
	}
}

// Each restore has a higher epoch than anything before, also from one backup.
func TestEpochs(t *testing.T) {
	b := newBench(t)
	file := b.backup()
	var last int64
	for range 3 {
		b.pass(time.Millisecond)
		id, made, err := b.restored(file).identity(t.Context())
		b.must(err)
		if !made || id.Epoch <= last || id.Restored.IsZero() {
			t.Errorf("after epoch %d: %+v", last, id)
		}
		last = id.Epoch
	}
}

// refused wants that a backup is neither found sound nor restored, and that one
// sentence says why.
func (b *bench) refused(what string, file []byte, says string) {
	b.t.Helper()
	_, err := b.secrets().CheckBackup(bytes.NewReader(file))
	c := Config{Store: store.NewMemory(b.clock), Secrets: b.secrets(), Now: b.clock}
	if _, again := Restore(b.t.Context(), c, by, bytes.NewReader(file)); !errors.Is(again, ErrBackup) {
		b.t.Errorf("%s is restored: %v", what, again)
	}
	if !errors.Is(err, ErrBackup) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		b.t.Errorf("%s: %v, want %q", what, err, says)
	}
}

func TestDamagedBackups(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	file := b.backup()
	for n := 0; n < len(file); n += 1 + rand.IntN(len(file)/60) {
		says := "its end is missing"
		if n < 16 {
			says = "no backup of Sésame"
		}
		b.refused(fmt.Sprintf("%d of %d bytes", n, len(file)), file[:n], says)
	}
	for range 60 {
		at := rand.IntN(len(file))
		bad := bytes.Clone(file)
		bad[at] ^= 1 << rand.IntN(8)
		b.refused(fmt.Sprintf("with byte %d changed it", at), bad, "")
	}
	b.refused("a longer one", append(bytes.Clone(file), 0), "behind its end")
	newBench(t).refused("one of another store", file, "another secret file")
	b.refused("a later one", bytes.Replace(file, []byte(`{"version":1,`), []byte(`{"version":2,`), 1), "a later version of Sésame")
	b.refused("an early one", bytes.Replace(file, []byte(`{"version":1,`), []byte(`{"version":0,`), 1), "an earlier version of Sésame")
	b.refused("one of a later store", bytes.Replace(file, fmt.Appendf(nil, `"schema":%d,`, schema), fmt.Appendf(nil, `"schema":%d,`, schema+1), 1), "a later version of Sésame")
	b.refused("nothing", nil, "no backup")
}

// What is signed may still not be what a backup holds.
func TestForgedBackups(t *testing.T) {
	b := newBench(t)
	s := b.secrets()
	sealed := func(name string) store.Entry {
		value, err := sealRecord(s, name, Serial("A"))
		b.must(err)
		return store.Entry{Key: name, Value: value}
	}
	for what, entries := range map[string][]store.Entry{
		"a session":           {sealed("session/x")},
		"records in a mess":   {sealed("seed/b"), sealed("seed/a")},
		"a record twice":      {sealed("seed/a"), sealed("seed/a")},
		"a record moved":      {{Key: "seed/b", Value: sealed("seed/a").Value}},
		"an empty record":     {{Key: "seed/b"}},
		"a look-up with text": {{Key: "index/user/a/b", Value: []byte("text")}},
	} {
		var file bytes.Buffer
		h := backupHeader{Version: 1, Schema: 1, Store: "x", Secrets: s.fingerprints()[0], Nonce: "n", Made: b.clock()}
		w, err := newBackupWriter(&file, s.backupKey(h.Nonce), h)
		b.must(err)
		for _, e := range entries {
			b.must(w.record(e))
		}
		b.must(w.end(len(entries)))
		b.refused(what, file.Bytes(), "")
	}
	length := append([]byte(backupMagic), binary.BigEndian.AppendUint32(nil, 1<<31)...)
	b.refused("a header of 2 GiB", length, "a length of")
}

// A restore asks for a clock that is not behind the backup, and an empty store.
func TestRestoreRefuses(t *testing.T) {
	b := newBench(t)
	file := b.backup()
	early := Config{Store: store.NewMemory(b.clock), Secrets: b.secrets(), Now: func() time.Time { return b.clock().Add(-time.Hour) }}
	if _, err := Restore(t.Context(), early, by, bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "put the clock right first") {
		t.Errorf("with an early clock: %v", err)
	}
	before := b.dump()
	if _, err := Restore(t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock}, by, bytes.NewReader(file)); err == nil || b.dump() != before {
		t.Errorf("into a store that is not empty: %v", err)
	}
	if _, err := b.WriteBackup(t.Context(), by, failingWriter{}); !errors.Is(err, errFault) {
		t.Errorf("onto a full disk: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFault }

// A backup that is made while people log in is one instant: its trail is whole.
func TestBackupUnderLoad(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	var files [][]byte
	together(2, func(i int) {
		if i == 0 {
			for range 50 {
				b.login("jdupont", "0000"+b.shows(40))
			}
			return
		}
		for range 10 {
			files = append(files, b.backup())
		}
	})
	for _, file := range files {
		b.restored(file).sound()
	}
}

// A backup made before a rotation of the secrets is restored with the rotated ones.
func TestBackupOfEarlierSecrets(t *testing.T) {
	b := newBench(t)
	file := b.backup()
	rotated, err := b.secrets().Rotated()
	b.must(err)
	b.must(b.UseSecrets(t.Context(), rotated))
	b.restored(file).sound()
}

// A response to a passkey's question of before the restore counts no more: that
// it was used may be what the store has forgotten.
func TestCeremoniesOfBeforeTheRestore(t *testing.T) {
	b := newBench(t)
	s := b.secrets()
	ceremony, err := s.sealCeremony("purpose", nil, sealedCeremony{Expires: b.clock().Add(ceremonyLife)})
	b.must(err)
	open := func(b *bench) (err error) {
		b.must(b.store.View(t.Context(), func(r store.Reader) error {
			_, err = openCeremony(s, r, "purpose", ceremony.Sealed, b.clock())
			return nil
		}))
		return err
	}
	if err := open(b); err != nil {
		t.Fatal(err)
	}
	if err := open(b.restored(b.backup())); !errors.Is(err, ErrCeremony) {
		t.Errorf("in the restored store: %v", err)
	}
}

// Version 1 of the format, as it was first written, is restored: the file and its
// secrets are kept as they are and never made again.
func TestBackupOfVersion1(t *testing.T) {
	content, err := os.ReadFile("testdata/backup/v1.secret")
	mustBeNil(t, err)
	secrets, err := ParseSecrets(content)
	mustBeNil(t, err)
	file, err := os.ReadFile("testdata/backup/v1.backup")
	mustBeNil(t, err)
	b := newBench(t)
	b.shared.secrets.Store(secrets)
	r := b.restored(file)
	r.sound()
	r.wait(14)
	r.want(r.login("jdupont", pin+r.shows(0)), Granted, Done)
	if got := r.stored("STOCK-1"); got.Holder != "" || got.State != PINToDefine {
		t.Errorf("the key in stock is %s of %q", got.State, got.Holder)
	}
}

// FuzzReadBackup: whatever is read, it is refused in a sentence and nothing else.
func FuzzReadBackup(f *testing.F) {
	content, err := os.ReadFile("testdata/backup/v1.secret")
	mustBeNil(f, err)
	secrets, err := ParseSecrets(content)
	mustBeNil(f, err)
	file, err := os.ReadFile("testdata/backup/v1.backup")
	mustBeNil(f, err)
	f.Add(file)
	f.Add(file[:200])
	f.Add([]byte(backupMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := secrets.CheckBackup(io.LimitReader(bytes.NewReader(content), 1<<20))
		if err == nil && !bytes.Equal(content, file) {
			t.Error("a backup that nobody made is found sound")
		}
		if err != nil && !errors.Is(err, ErrBackup) {
			t.Errorf("refused by %v", err)
		}
	})
}
