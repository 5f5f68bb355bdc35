package etcdstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// TestUser has etcd ask who is there, and let that user only into one prefix.
func TestUser(t *testing.T) {
	c := etcdtest.Start(t, 1)
	opts := place(c)
	demand := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	c.Guard("gate", "sesame", opts.Prefix)

	if _, err := Open(opts); !errors.Is(err, ErrRefused) {
		t.Errorf("Open = %v without a user, want a refusal", err)
	}
	opts.Username, opts.Password = "gate", "wrong"
	if _, err := Open(opts); !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), opts.Password) {
		t.Errorf("Open = %v with a wrong password, want ErrRefused without it", err)
	}
	opts.Password = "sesame"
	e := openAt(t, opts)
	if err := put(e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	heard := listenTo(e)
	// Whatever is changed of users makes tokens old; the next one is asked for.
	as := c.Root()
	demand(as.RoleAdd(ctx, "other"))
	if err := put(e, "a", "2"); err != nil {
		t.Errorf("Update = %v when the token is old", err)
	}
	if value, err := get(e, "a"); value != "2" || err != nil {
		t.Errorf("Get = %q, %v when the token is old", value, err)
	}
	demand(as.Put(ctx, e.space+"by another", ""))
	eventually(t, "what another wrote, under a user", func() bool { return heard.knows("by another") })

	opts.Prefix = "elsewhere/"
	if _, err := Open(opts); !errors.Is(err, ErrRefused) {
		t.Errorf("Open = %v in a prefix that is not this user's, want ErrRefused", err)
	}
}

// TestPrefixes keeps two stores of one cluster apart, and all of them from what is
// beside them.
func TestPrefixes(t *testing.T) {
	c := etcdtest.Start(t, 1)
	client := c.Members[0].Client()
	defer client.Close()
	opts := place(c)
	for _, beside := range []string{opts.Prefix, "test", "zzz", "\x00", "\xff\xff"} {
		if _, err := client.Put(t.Context(), beside, "not ours"); err != nil {
			t.Fatal(err)
		}
	}
	long := opts
	long.Prefix = opts.Prefix + "s"
	for _, o := range []Options{opts, long} {
		e := openAt(t, o)
		for _, key := range []string{"\x00", "\xff\xff", "k"} {
			if err := put(e, key, o.Prefix); err != nil {
				t.Fatal(err)
			}
		}
		for _, prefix := range []string{"", "\xff", "\x00"} {
			err := e.View(t.Context(), func(r store.Reader) error {
				for entry, err := range r.Scan(prefix, "") {
					if err != nil {
						return err
					}
					if string(entry.Value) != o.Prefix || !strings.HasPrefix(entry.Key, prefix) {
						t.Errorf("Scan(%q) below %q yields %q = %q", prefix, o.Prefix, entry.Key, entry.Value)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	opts.Prefix = strings.Repeat("p", MaxPrefix+1)
	if _, err := Open(opts); err == nil {
		t.Error("Open takes a prefix that is too long")
	}
	opts.Prefix = strings.Repeat("p", MaxPrefix)
	if err := put(openAt(t, opts), strings.Repeat("k", store.MaxKey), "1"); err != nil {
		t.Errorf("Update = %v with the longest prefix", err)
	}
}

// TestLargest writes as much as an Update may, with the longest prefix: etcd takes
// it by default.
func TestLargest(t *testing.T) {
	c := etcdtest.Start(t, 1)
	opts := place(c)
	opts.Prefix = strings.Repeat("p", MaxPrefix)
	e := openAt(t, opts)
	err := e.Update(t.Context(), func(w store.Writer) error {
		for i := range store.MaxTouched {
			key := strings.Repeat("k", store.MaxKey-1) + string([]byte{byte(i)})
			if _, err := w.Get(key); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err := w.Put(key, make([]byte, store.MaxWritten/store.MaxTouched-store.MaxKey), time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("Update = %v of the largest that the contract allows", err)
	}
}

// TestCloseDeadline does not wait for ever for a transaction that does not end.
func TestCloseDeadline(t *testing.T) {
	c := etcdtest.Start(t, 1)
	opts := place(c)
	opts.CloseTimeout = 50 * time.Millisecond
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	inside, leave := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- s.View(context.Background(), func(store.Reader) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	if err := s.Close(); !errors.Is(err, ErrNotClosed) {
		t.Errorf("Close = %v under a View that does not end, want ErrNotClosed", err)
	}
	close(leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	eventually(t, "the end of Close", func() bool { return s.Close() == nil })
}
