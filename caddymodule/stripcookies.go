package caddymodule

import "strings"

// cookieMark is in the name of every cookie of ours, in lower case.
const cookieMark = "sesame"

// ownCookies are the names that never reach an application, in lower case,
// those for loopback too.
var ownCookies = func() (names []string) {
	for _, n := range cookieNames {
		names = append(names, strings.ToLower(n.secure), strings.ToLower(n.loopback))
	}
	return names
}()

// stripCookies returns line, the value of a Cookie header, without our own
// cookies; all others stay byte for byte. Pairs end at each semicolon, quoted or
// not (RFC 6265, section 5.2). It takes for ours what any parser
// might: names in another case, quoted, with spaces around, or behind a comma
// or a space inside another cookie (RFC 2965 allowed the comma, and some
// libraries still split at spaces). It returns line itself when there is
// nothing of ours, and allocates nothing for a cookie of ours that is alone.
func stripCookies(line string) string {
	if !containsFold(line, cookieMark) {
		return line
	}
	var room [16]string
	kept, own, cut, first := room[:0], false, false, true
	for pair := range strings.SplitSeq(line, ";") {
		begins := first
		first = false
		if own && isCookieAttribute(pair) {
			continue
		}
		at := ownCookieAt(pair)
		if own = at >= 0; own {
			cut = true
			if pair = strings.TrimRight(pair[:at], " \t,\"'"); strings.Trim(pair, " \t") == "" {
				continue
			}
		}
		if len(kept) == 0 && !begins {
			pair = strings.TrimLeft(pair, " \t")
		}
		kept = append(kept, pair)
	}
	if !cut {
		return line
	}
	return strings.Join(kept, ";")
}

// isCookieAttribute tells whether pair is $Path, $Domain or $Port, which belong
// to the cookie before them (RFC 2965, section 3.3.4), and not $Version, which
// belongs to the whole line.
func isCookieAttribute(pair string) bool {
	pair = strings.TrimLeft(pair, " \t")
	return strings.HasPrefix(pair, "$") && !containsFold(pair, "$version")
}

// ownCookieAt returns where in pair the first cookie of ours begins, or -1. At
// the pair's beginning a name is enough; further on it must have a value.
func ownCookieAt(pair string) int {
	const before, after = " \t,\"'", " \t\"'"
	for i := range len(pair) {
		if i > 0 && strings.IndexByte(before, pair[i-1]) < 0 {
			continue
		}
		for _, own := range ownCookies {
			if len(pair)-i < len(own) || !strings.EqualFold(pair[i:i+len(own)], own) {
				continue
			}
			rest := strings.TrimLeft(pair[i+len(own):], after)
			leading := strings.Trim(pair[:i], before) == ""
			if strings.HasPrefix(rest, "=") || leading && rest == "" {
				return i
			}
		}
	}
	return -1
}

// containsFold tells whether s contains mark, which is ASCII in lower case and
// begins with a letter, whatever the case of s.
func containsFold(s, mark string) bool {
	for i := 0; i+len(mark) <= len(s); i++ {
		if s[i]|0x20 == mark[0] && strings.EqualFold(s[i:i+len(mark)], mark) {
			return true
		}
	}
	return false
}
