package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// disk is an ext4 file system in a file, whose power can be cut.
type disk struct{ image, at string }

// newDisk makes and mounts one; false where this machine may not, which is said.
func newDisk(t *testing.T) (d disk, ok bool) {
	t.Helper()
	dir := t.TempDir()
	d = disk{filepath.Join(dir, "image"), filepath.Join(dir, "disk")}
	err := os.Mkdir(d.at, 0o700)
	if err == nil {
		err = os.WriteFile(d.image, nil, 0o600)
	}
	if err == nil {
		err = os.Truncate(d.image, 512<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Logf("NOT PLAYED: a power cut. It takes mkfs.ext4: %v %s", err, out)
		return d, false
	}
	if err := d.mount(); err != nil {
		t.Logf("NOT PLAYED: a power cut. Mounting an image takes root and a loop device: %v", err)
		return d, false
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", d.at).Run() })
	return d, true
}

func (d disk) mount() error {
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.at).CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, out)
	}
	return nil
}

// The request that ends all writing to a file system at once, and its way without
// what the journal has not written yet: a power cut (fs/ext4/ext4.h in Linux, as
// EXT4_IOC_SHUTDOWN and EXT4_GOING_FLAGS_NOLOGFLUSH).
const (
	ioctlShutdown = 0x8004587d
	noLogFlush    = 2
)

func (d disk) cut() error {
	f, err := os.Open(d.at)
	if err != nil {
		return err
	}
	defer f.Close()
	how := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ioctlShutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		return errno
	}
	return nil
}

// again is the machine's next start: the journal is replayed.
func (d disk) again(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("umount", d.at).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := d.mount(); err != nil {
		t.Fatal(err)
	}
}

// TestPowerCut cuts the power of the store's disk, at random instants, while
// somebody logs in and operators add people. What was acknowledged is there after
// the journal is replayed, and no code opens twice.
func TestPowerCut(t *testing.T) {
	d, ok := newDisk(t)
	if !ok {
		return
	}
	s, move := newClockedServerWith(t, func(s *server) string {
		return strings.Replace(s.caddyfile(), "badger "+s.dir+"/store", "badger "+d.at+"/store", 1)
	})
	l := &life{server: s, move: move}
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	acknowledged := 0
	for round := range rounds(t, 50, 3) {
		typed := pin + l.code(h.id)
		var in *browser
		var added []string
		var work sync.WaitGroup
		work.Go(func() { in, _ = h.opened(typed) })
		work.Go(func() { added = s.adds(round) })
		<-time.After(rand.N(250 * time.Millisecond)) // the instant, not a wait for something
		if err := d.cut(); err != nil {
			t.Fatalf("cutting the power: %v", err)
		}
		work.Wait()
		if round%2 == 0 {
			if b, err := h.opened(pin + l.code(h.id)); err == nil && b != nil {
				t.Fatalf("round %d: somebody gets in while nothing can be written", round)
			}
		}
		s.kill()
		d.again(t)
		s.start()
		acknowledged += h.stands(round, typed, in, added)
		s.sesame("audit", "verify")
	}
	if acknowledged == 0 {
		t.Error("nothing was acknowledged before any cut: the test shows nothing")
	}
	t.Logf("%d acts were acknowledged, and all are there", acknowledged)
}
