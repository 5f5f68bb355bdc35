package caddymodule

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// How long the second operator may be given.
const (
	shortestWithin = time.Minute
	longestWithin  = 7 * 24 * time.Hour
)

// consoleRules reads what is configured of roles and of the console.
func (a *App) consoleRules() (c authcore.ConsoleRules, err error) {
	if c.Groups, err = a.establishmentGroups(); err != nil {
		return c, err
	}
	for _, app := range a.Applications {
		if app.Delegable {
			c.Delegable = append(c.Delegable, app.ID)
		}
	}
	if f := a.FourEyes; f != nil {
		c.FourEyes = authcore.FourEyes{Roles: f.Roles, SecondFactor: f.SecondFactor, Within: time.Duration(f.Within)}
		switch within := c.FourEyes.Within; {
		case !f.Roles && !f.SecondFactor:
			return c, errors.New("four_eyes: say what takes two operators: roles, second_factor or both")
		case within != 0 && (within < shortestWithin || within > longestWithin):
			return c, fmt.Errorf("four_eyes within: the second operator has a minute to a week, and not %s", within)
		}
	}
	return c, nil
}

func (a *App) establishmentGroups() (map[string][]string, error) {
	groups := make(map[string][]string)
	for _, group := range a.Establishments {
		switch {
		case !applicationID.MatchString(group.Name):
			return nil, fmt.Errorf("establishments %s: a group's name consists of lower case letters, digits and hyphens, 63 at most", group.Name)
		case groups[group.Name] != nil:
			return nil, fmt.Errorf("the group of establishments %s is given twice", group.Name)
		case len(group.UAI) == 0:
			return nil, fmt.Errorf("establishments %s: there is none", group.Name)
		}
		for _, uai := range group.UAI {
			if !authcore.ValidUAI(uai) {
				return nil, fmt.Errorf("establishments %s: %.20s is no UAI: seven digits and the letter that checks them", group.Name, uai)
			}
		}
		groups[group.Name] = group.UAI
	}
	return groups, nil
}
