package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// DurableCases returns the promises of an engine that keeps its entries.
func DurableCases() []DurableCase {
	return []DurableCase{
		{"entries survive", checkEntriesSurvive},
		{"a consumption survives", checkConsumptionSurvives},
		{"dropped writes stay dropped", checkDroppedStayDropped},
		{"deleted and replaced entries stay so", checkDeletedStayDeleted},
	}
}

// during opens the store, calls f and closes it.
func during(open func() (store.Store, error), f func(s store.Store) error) error {
	s, err := open()
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	return errors.Join(f(s), s.Close())
}

func checkEntriesSurvive(ctx context.Context, open func() (store.Store, error)) error {
	entries := map[string]string{
		"empty": "", "large": strings.Repeat("v", store.MaxValue),
		strings.Repeat("k", store.MaxKey): "long", "\x00\xff": "\xff\x00",
	}
	for round := range 3 {
		err := during(open, func(s store.Store) error {
			if round > 0 {
				entries["last"] = "now " + entries["last"]
				if err := want(ctx, s, entries); err != nil {
					return fmt.Errorf("opened for the %d. time: %w", round+1, err)
				}
			}
			entries["round"], entries["last"] = fmt.Sprint(round), fmt.Sprint(round)
			return errors.Join(putAll(ctx, s, entries),
				putUntil(ctx, s, "empty", "", time.Now().Add(time.Hour)),
				put(ctx, s, "last", "now "+entries["last"]))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkConsumptionSurvives is the rule of the house: what was used once stays
// used.
func checkConsumptionSurvives(ctx context.Context, open func() (store.Store, error)) error {
	var last uint64
	for range 4 {
		err := during(open, func(s store.Store) error {
			for range 5 {
				err := s.Update(ctx, func(w store.Writer) error {
					used, err := number(w.Get, "used")
					if err == nil && used != last {
						err = fmt.Errorf("the number is %d, but %d was consumed", used, last)
					}
					return errors.Join(err, putNumber(w, "used", last+1))
				})
				if err != nil {
					return err
				}
				last++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func checkDroppedStayDropped(ctx context.Context, open func() (store.Store, error)) error {
	err := during(open, func(s store.Store) error {
		if err := putAll(ctx, s, untouched); err != nil {
			return err
		}
		err := s.Update(ctx, func(w store.Writer) error { return errors.Join(halfway(w), errWanted) })
		if !errors.Is(err, errWanted) {
			return fmt.Errorf("Update = %v, want the function's error", err)
		}
		_ = caught(func() {
			_ = s.Update(ctx, func(w store.Writer) error { panic(halfway(w)) })
		})
		return nil
	})
	if err != nil {
		return err
	}
	return during(open, func(s store.Store) error { return want(ctx, s, untouched) })
}

func checkDeletedStayDeleted(ctx context.Context, open func() (store.Store, error)) error {
	err := during(open, func(s store.Store) error {
		return putAll(ctx, s, map[string]string{"session": "valid", "key": "active", "other": "1"})
	})
	if err != nil {
		return err
	}
	err = during(open, func(s store.Store) error {
		return s.Update(ctx, func(w store.Writer) error {
			return errors.Join(w.Delete("session"), w.Put("key", []byte("locked"), time.Time{}))
		})
	})
	if err != nil {
		return err
	}
	for range 2 {
		err := during(open, func(s store.Store) error {
			return want(ctx, s, map[string]string{"key": "locked", "other": "1"})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
