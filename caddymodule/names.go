package caddymodule

import "strings"

// maxName is the longest header name, in bytes, that can be managed. Longer
// ones can still belong to a family.
const maxName = 64

// fold gives the form in which two header names are the same to some upstream.
// CGI turns a name into a variable: HTTP_ and upper case, "-" to "_" (RFC 3875,
// section 4.1.18); PHP does the same to "." and several servers to every other
// byte that is no letter and no digit. So Remote-User, remote_user, Remote.User
// and REMOTE~USER all fold to remote-user.
func fold(c byte) byte { return folds[c] }

var folds = func() (all [256]byte) {
	for i := range all {
		switch c := byte(i); {
		case 'A' <= c && c <= 'Z':
			all[i] = c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			all[i] = c
		default:
			all[i] = '-'
		}
	}
	return all
}()

// foldName returns the fold of a whole name.
func foldName(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = fold(c)
	}
	return string(b)
}

// nameSet is the set of managed header names: those that only the gate may
// set. It compares folds, and is read-only once made.
type nameSet struct {
	exact    map[string]struct{}
	families []string // every name with one of these prefixes

	// maybe has bit n of maybe[b] set when some exact name begins as b stands for
	// and is n bytes long; all bits when a family begins so. It spares most names
	// of a request the rest.
	maybe [256]uint64
}

// newNameSet returns the names of every preset and family, and the extra ones,
// of at most maxName bytes each.
func newNameSet(extra ...string) *nameSet {
	s := &nameSet{exact: make(map[string]struct{}), families: managedFamilies}
	for _, list := range [][]string{managedNames, extra} {
		for _, name := range list {
			name = foldName(name)
			s.exact[name] = struct{}{}
			s.maybe[beginning(name)] |= lengthBit(len(name))
		}
	}
	for _, f := range s.families {
		s.maybe[beginning(f)] = ^uint64(0)
	}
	return s
}

// beginning stands for the first three bytes of a name, folded: those that begin
// alike have the same. A single byte would not do, as the names that browsers send
// most begin with the letters of ours: Cookie, Connection, Sec-Fetch-Mode, Referer.
func beginning(name string) (b byte) {
	for i := range min(len(name), 3) {
		b = b*31 + fold(name[i])
	}
	return b
}

// lengthBit returns the bit of a length; all from 63 on share one.
func lengthBit(n int) uint64 { return 1 << min(n, 63) }

// has tells whether name folds to a managed one. It does not allocate.
func (s *nameSet) has(name string) bool {
	if name == "" || s.maybe[beginning(name)]&lengthBit(len(name)) == 0 {
		return false
	}
	var buf [maxName]byte
	n := min(len(name), maxName)
	for i := range n {
		buf[i] = fold(name[i])
	}
	for _, f := range s.families {
		if len(f) <= n && string(buf[:len(f)]) == f {
			return true
		}
	}
	if len(name) > maxName {
		return false
	}
	_, ok := s.exact[string(buf[:n])]
	return ok
}

// managedFamilies are prefixes, folded, whose every name is managed: an
// application may read more of a family than a preset sets.
var managedFamilies = []string{"sesame-", "remote-", "ct-", "fredu"}

// managedNames are the names of all presets, whichever preset an application
// uses: another application behind the same server may trust any of them.
var managedNames = []string{
	// remote-user
	"Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups",
	// x-forwarded
	"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	// cleartrust: RSA Access Manager's attributes as the académies name them
	"ct-remote-user", "ct-web-svr-id", "ctln", "ctfn", "cn", "ctemail", "ctdn", "ctgrps",
	"rne", "title", "grade", "discipline", "fonctm", "typensi", "employeeNumber",
	"datenaissance", "civilite", "codecivilite", "codaca",
	"FrEduFonctAdm", "FrEduRne", "FrEduRneResp", "FrEduResDel", "FrEduGestResp", "FrEduUrlRetour",
	// the signed identity
	"Sesame-Assertion",
}

// settable tells whether an application may be given a header of that name: a
// token (RFC 9110, section 5.1) that is not part of HTTP's own machinery.
func settable(name string) bool {
	if name == "" || len(name) > maxName || strings.Trim(name, tokenBytes) != "" {
		return false
	}
	_, taken := machinery[foldName(name)]
	return !taken
}

// tokenBytes are letters, digits and "-". HTTP allows more in a name, but
// Caddy itself drops names with "_" or ".", and CGI cannot tell them apart.
const tokenBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"

// machinery lists the names that carry a message rather than a person. As a
// managed name is removed from every client request, none of these may be one.
var machinery = func() map[string]struct{} {
	m := make(map[string]struct{})
	for name := range strings.FieldsSeq(`host connection proxy-connection keep-alive
		te trailer transfer-encoding upgrade content-length content-type
		content-encoding expect cookie accept accept-encoding accept-language origin
		referer range if-match if-none-match if-modified-since if-unmodified-since
		if-range user-agent sec-fetch-site sec-fetch-mode sec-fetch-dest via forwarded
		x-forwarded-for x-forwarded-host x-forwarded-proto x-requested-with`) {
		m[name] = struct{}{}
	}
	return m
}()
