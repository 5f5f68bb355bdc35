package authcore

import (
	"errors"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// maxMemberships is how many establishments somebody is looked for in. Heads of
// more are not a referent's affair.
const maxMemberships = 32

// Establishments are where somebody works: Account.Establishment first, then those
// of FrEduRne, each once; 32 of them at most.
func (a Account) Establishments() []string {
	var all []string
	add := func(uai string) {
		if uai != "" && !slices.Contains(all, uai) && len(all) < maxMemberships {
			all = append(all, uai)
		}
	}
	add(a.Establishment)
	for _, value := range a.Attributes.Values(fredu.Rne) {
		if p, err := fredu.ParsePosting(value); err == nil {
			add(p.UAI)
		}
	}
	return all
}

// indexMember enters somebody at their establishments, and strikes them out where
// they no longer are. What is there is empty: a member is who an account says.
func indexMember(w store.Writer, id Identifier, was, is []string) error {
	var errs []error
	for _, uai := range was {
		if !slices.Contains(is, uai) {
			errs = append(errs, w.Delete(memberName(uai, id)))
		}
	}
	for _, uai := range is {
		if !slices.Contains(was, uai) {
			errs = append(errs, w.Put(memberName(uai, id), nil, time.Time{}))
		}
	}
	return errors.Join(errs...)
}
