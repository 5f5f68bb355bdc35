package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("sesame", parseGlobal)
	httpcaddyfile.RegisterDirective("sesame", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("sesame", httpcaddyfile.Before, "basic_auth")
}

// parseGlobal reads the global option sesame.
func parseGlobal(d *caddyfile.Dispenser, existing any) (any, error) {
	app := new(App)
	if !d.Next() {
		return nil, d.ArgErr()
	}
	if existing != nil {
		return nil, d.Err("sesame is given twice: there is one gate")
	}
	d.Prev()
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "sesame", Value: caddyconfig.JSON(app, nil)}, nil
}

// parseDirective reads the directive sesame, which takes no matcher: what needs
// no login is said with public, where the gate judges the path and not Caddy's
// matchers, which unfold what an application might read otherwise.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	handler := new(Handler)
	h.Next() // sesame
	if !h.AllArgs(&handler.Name) || handler.Name == "" {
		return nil, h.Err("sesame takes one word: the name of an application of the global option sesame, or portal")
	}
	if c := handler.Name[0]; c == '/' || c == '@' || c == '*' {
		return nil, h.Errf("sesame takes no matcher such as %s: name the paths that need no login with public, in the global option", handler.Name)
	}
	if h.NextBlock(0) {
		return nil, h.Err("sesame takes no block here: everything about an application stands in the global option")
	}
	return h.NewRoute(nil, handler), nil
}

// UnmarshalCaddyfile reads the global option. One value per keyword; a repeated
// or unknown keyword is an error.
//
//	sesame {
//		portal      <origin>
//		store       badger <directory>
//		store       etcd <endpoints...> {
//			ca            <path>
//			cert          <path>
//			key           <path>
//			username      <name>
//			password_file <path>
//			prefix        <prefix>
//			behind        <duration>
//		}
//		secret_file <path>
//		ntp         <host>|<host:port>
//		pin {
//			length <min> <max>
//		}
//		session {
//			idle     <duration>
//			absolute <duration>
//		}
//		audit {
//			retention <duration>|forever
//		}
//		passkeys {
//			attestation
//			model <AAGUIDs...>
//		}
//		mail {
//			server        <host>[:<port>]
//			tls           starttls|tls|none
//			username      <name>
//			password_file <path>
//			from          <address>
//		}
//		assistance <name> {
//			phone <number>
//			email <address>
//			hours <text>
//			url   <address>
//			mail  <address>
//			webhook <address> {
//				secret_file <path>
//			}
//			keep  <duration>
//		}
//		establishments <group> <UAI...>
//		four_eyes {
//			roles
//			second_factor
//			within <duration>
//		}
//		application <id> {
//			name        <text>
//			description <text>
//			url         <origin>
//			allow       everyone
//			allow       group|function|establishment|person <values...>
//			network     <addresses or prefixes...>
//			max_age     <duration>
//			require     passkey
//			path <paths...> {
//				method  <methods...>
//				allow   …
//				network …
//				max_age …
//				require …
//			}
//			public      <paths...>
//			activity    pages|requests
//			session_warning inject
//			headers     remote-user|x-forwarded|cleartrust
//			header      <name> <value>
//			charset     utf-8|latin1|ascii|base64|rfc8187
//			assertion
//			shared_secret <name> <file>
//			delegable
//		}
//		demo
//	}
//
// The lines establishments, allow, network, path, public and header may stand several times.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // sesame
	return block(d, "sesame", func(option string) error {
		switch option {
		case "portal":
			return judged(d, word(d, &a.Portal), func() error { return judgeOrigin(option, a.Portal) })
		case "store":
			return a.parseStore(d)
		case "secret_file":
			return word(d, &a.SecretFile)
		case "anchor":
			return word(d, &a.Anchor)
		case "ntp":
			return word(d, &a.NTP)
		case "pin":
			return judged(d, a.parsePIN(d), a.judgePolicy)
		case "session":
			return judged(d, a.parseSession(d), a.judgePolicy)
		case "audit":
			return judged(d, a.parseAudit(d), a.judgePolicy)
		case "passkeys":
			return a.parsePasskeys(d)
		case "mail":
			return a.parseMail(d)
		case "assistance":
			return a.parseAssistance(d)
		case "establishments":
			return judged(d, a.parseEstablishments(d), a.judgeConsole)
		case "four_eyes":
			return judged(d, a.parseFourEyes(d), a.judgeConsole)
		case "application":
			return a.parseApplication(d)
		case "demo":
			return switchOn(d, &a.Demo)
		}
		return unknown(d)
	})
}

func (a *App) parsePIN(d *caddyfile.Dispenser) error {
	if a.PIN != nil {
		return repeated(d)
	}
	a.PIN = new(PINLength)
	return block(d, "pin", func(option string) error {
		switch option {
		case "length":
			return a.PIN.parseLength(d)
		case "require":
			return later(d)
		}
		return unknown(d)
	})
}

func (p *PINLength) parseLength(d *caddyfile.Dispenser) (err error) {
	var shortest, longest string
	if p.Max != 0 {
		return repeated(d)
	}
	if !d.AllArgs(&shortest, &longest) {
		return d.ArgErr()
	}
	if p.Min, err = strconv.Atoi(shortest); err != nil {
		return d.Errf("%q is no number", shortest)
	}
	if p.Max, err = strconv.Atoi(longest); err != nil {
		return d.Errf("%q is no number", longest)
	}
	return nil
}

func (a *App) parseSession(d *caddyfile.Dispenser) error {
	if a.Session != nil {
		return repeated(d)
	}
	a.Session = new(SessionLength)
	return block(d, "session", func(option string) error {
		switch option {
		case "idle":
			return duration(d, &a.Session.Idle)
		case "absolute":
			return duration(d, &a.Session.Absolute)
		}
		return unknown(d)
	})
}

func (a *App) parseAudit(d *caddyfile.Dispenser) error {
	if a.Audit != nil {
		return repeated(d)
	}
	a.Audit = new(Audit)
	return block(d, "audit", func(option string) error {
		if option != "retention" {
			return unknown(d)
		}
		return a.Audit.parseRetention(d)
	})
}

func (a *Audit) parseRetention(d *caddyfile.Dispenser) error {
	var text string
	switch {
	case a.Forever || a.Retention != 0:
		return repeated(d)
	case !d.AllArgs(&text):
		return d.ArgErr()
	case text == "forever":
		a.Forever = true
		return nil
	}
	return readDuration(d, text, &a.Retention)
}

func (a *App) parsePasskeys(d *caddyfile.Dispenser) error {
	if a.Passkeys != nil {
		return repeated(d)
	}
	a.Passkeys = new(PasskeyRules)
	return block(d, "passkeys", func(option string) error {
		switch option {
		case "attestation":
			return switchOn(d, &a.Passkeys.Attestation)
		case "model":
			return some(d, &a.Passkeys.Models)
		}
		return unknown(d)
	})
}

func (a *App) parseMail(d *caddyfile.Dispenser) error {
	if a.Mail != nil {
		return repeated(d)
	}
	a.Mail = new(Mail)
	return block(d, "mail", func(option string) error {
		switch option {
		case "server":
			return word(d, &a.Mail.Server)
		case "tls":
			return word(d, &a.Mail.TLS)
		case "username":
			return word(d, &a.Mail.Username)
		case "password_file":
			return word(d, &a.Mail.PasswordFile)
		case "from":
			return word(d, &a.Mail.From)
		}
		return unknown(d)
	})
}

func (a *Assistance) parseWebhook(d *caddyfile.Dispenser) error {
	if a.Webhook != nil {
		return repeated(d)
	}
	a.Webhook = new(Webhook)
	if !d.Args(&a.Webhook.URL) {
		return d.ArgErr()
	}
	return optionalBlock(d, func(option string) error {
		if option == "secret_file" {
			return word(d, &a.Webhook.SecretFile)
		}
		return unknown(d)
	})
}

func (a *App) parseAssistance(d *caddyfile.Dispenser) error {
	if a.Assistance != nil {
		return repeated(d)
	}
	a.Assistance = new(Assistance)
	if !d.Args(&a.Assistance.Name) {
		return d.ArgErr()
	}
	return optionalBlock(d, func(option string) error {
		switch option {
		case "phone":
			return word(d, &a.Assistance.Phone)
		case "email":
			return word(d, &a.Assistance.Email)
		case "hours":
			return word(d, &a.Assistance.Hours)
		case "url":
			return word(d, &a.Assistance.URL)
		case "mail":
			return word(d, &a.Assistance.Mail)
		case "webhook":
			return a.Assistance.parseWebhook(d)
		case "keep":
			return duration(d, &a.Assistance.Keep)
		}
		return unknown(d)
	})
}
