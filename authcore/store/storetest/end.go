package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// endCases are about the ways in which a function ends.
var endCases = []Case{
	{"error drops all", checkError},
	{"error comes back as it is", checkErrorIdentity},
	{"panic drops all and goes on", checkPanic},
	{"a swallowed failure dooms", checkSwallowed},
	{"no use after the end", checkAfterEnd},
}

// halfway writes something before the function ends in another way.
func halfway(w store.Writer) error {
	return errors.Join(w.Put("new", []byte("2"), time.Time{}), w.Put("old", []byte("2"), time.Time{}), w.Delete("gone"))
}

var untouched = map[string]string{"old": "1", "gone": "1"}

func checkError(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, untouched); err != nil {
		return err
	}
	err := s.Update(ctx, func(w store.Writer) error {
		return errors.Join(halfway(w), errWanted)
	})
	if !errors.Is(err, errWanted) {
		return fmt.Errorf("Update = %v, want the function's error", err)
	}
	return want(ctx, s, untouched)
}

func checkErrorIdentity(ctx context.Context, s store.Store) error {
	for _, wanted := range []error{errWanted, store.ErrNotFound, store.ErrBusy, store.ErrClosed, context.Canceled} {
		var runs int
		err := s.Update(ctx, func(w store.Writer) error { runs++; return wanted })
		if err != wanted || runs != 1 { //nolint:errorlint // identity is what is promised
			return fmt.Errorf("Update = %v after %d runs, want %v after one", err, runs, wanted)
		}
		err = s.View(ctx, func(store.Reader) error { return wanted })
		if err != wanted { //nolint:errorlint // see above
			return fmt.Errorf("View = %v, want %v", err, wanted)
		}
	}
	return nil
}

func checkPanic(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, untouched); err != nil {
		return err
	}
	calls := map[string]func(){
		"Update": func() {
			_ = s.Update(ctx, func(w store.Writer) error { panic(errors.Join(halfway(w), errWanted)) })
		},
		"View": func() { _ = s.View(ctx, func(store.Reader) error { panic(errWanted) }) },
		"Scan": func() {
			_ = s.View(ctx, func(r store.Reader) error {
				for range r.Scan("", "") {
					panic(errWanted)
				}
				return nil
			})
		},
	}
	for name, call := range calls {
		if p, _ := caught(call).(error); !errors.Is(p, errWanted) {
			return fmt.Errorf("the panic comes out of %s as %v", name, p)
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Update(ctx, func(w store.Writer) error {
			_ = halfway(w)
			runtime.Goexit() // as t.FailNow does
			return nil
		})
	}()
	<-ended
	return want(ctx, s, untouched)
}

// caught returns what f panics with.
func caught(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

func checkSwallowed(ctx context.Context, s store.Store) error {
	tooLong := strings.Repeat("k", store.MaxKey+1)
	for name, op := range map[string]func(store.Writer){
		"Get":    func(w store.Writer) { _, _ = w.Get(tooLong) },
		"Put":    func(w store.Writer) { _ = w.Put(tooLong, nil, time.Time{}) },
		"Delete": func(w store.Writer) { _ = w.Delete("") },
	} {
		err := s.Update(ctx, func(w store.Writer) error {
			if err := w.Put("a", []byte("1"), time.Time{}); err != nil {
				return err
			}
			op(w)
			return nil
		})
		if !errors.Is(err, store.ErrTooLarge) {
			return fmt.Errorf("Update = %v after a failed %s, want its error", err, name)
		}
	}
	err := s.View(ctx, func(r store.Reader) error { _, _ = r.Get(tooLong); return nil })
	if !errors.Is(err, store.ErrTooLarge) {
		return fmt.Errorf("View = %v after a failed Get, want its error", err)
	}
	err = s.Update(ctx, func(w store.Writer) error { _, _ = w.Get("absent"); return nil })
	if err != nil {
		return fmt.Errorf("Update = %v after ErrNotFound, want nil", err)
	}
	return want(ctx, s, map[string]string{})
}

func checkAfterEnd(ctx context.Context, s store.Store) error {
	if err := put(ctx, s, "a", "1"); err != nil {
		return err
	}
	var w store.Writer
	var r store.Reader
	err := errors.Join(
		s.Update(ctx, func(now store.Writer) error { w = now; return w.Put("b", nil, time.Time{}) }),
		s.View(ctx, func(now store.Reader) error { r = now; return nil }),
	)
	if err != nil {
		return err
	}
	for name, op := range map[string]func() error{
		"Writer.Get":    func() error { _, err := w.Get("a"); return err },
		"Writer.Put":    func() error { return w.Put("a", []byte("2"), time.Time{}) },
		"Writer.Delete": func() error { return w.Delete("a") },
		"Reader.Get":    func() error { _, err := r.Get("a"); return err },
		"Reader.Scan":   func() error { _, err := collect(r, ""); return err },
	} {
		if err := op(); !errors.Is(err, store.ErrClosed) {
			return fmt.Errorf("%s after its transaction = %v, want ErrClosed", name, err)
		}
	}
	return want(ctx, s, map[string]string{"a": "1", "b": ""})
}
