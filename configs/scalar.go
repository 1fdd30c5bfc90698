package configs

import (
	"errors"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// parsers read the scalar types that are more than text.
var parsers = map[reflect.Type]func(string) (any, error){
	reflect.TypeFor[time.Duration]():  func(s string) (any, error) { return parseDuration(s) },
	reflect.TypeFor[ByteSize]():       func(s string) (any, error) { return ParseByteSize(s) },
	reflect.TypeFor[PortRange]():      func(s string) (any, error) { return ParsePortRange(s) },
	reflect.TypeFor[Source]():         func(s string) (any, error) { return ParseSource(s) },
	reflect.TypeFor[netip.AddrPort](): func(s string) (any, error) { return parseAddrPort(s) },
	reflect.TypeFor[netip.Addr]():     func(s string) (any, error) { return parseAddr(s) },
	reflect.TypeFor[Secret]():         func(s string) (any, error) { return NewSecret(s), nil },
}

func parseDuration(s string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(s, 64); err == nil && s != "0" {
		return 0, errors.New("has no unit; write " + s + "s for seconds, or ms, m, h")
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, errors.New("is not a duration; write 250ms, 30s, 15m or 4h")
	}
	return d, nil
}

func parseAddrPort(s string) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return ap, errors.New("is not address:port; write 0.0.0.0:5060 or [::]:5060, names are not resolved here")
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, errors.New("is not an IP address; write 203.0.113.10 or 2001:db8::10")
	}
	return a.Unmap(), nil
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value, parse func(string) (any, error)) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "wants one value, got "+kindName(n), "write a single value")
		return
	}
	if v.Type() == reflect.TypeFor[Secret]() {
		d.secret(n, path, v)
		return
	}
	text, ok := d.expand(n, path)
	if !ok {
		return
	}
	if parse != nil {
		got, err := parse(text)
		if err != nil {
			problem, remedy, _ := strings.Cut(err.Error(), "; ")
			d.fail(n, path, quote(n.Value)+" "+problem, remedy)
			return
		}
		v.Set(reflect.ValueOf(got))
		return
	}
	d.plain(n, path, v, text)
}

func (d *decoder) plain(n *yaml.Node, path string, v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			d.fail(n, path, quote(n.Value)+" is neither true nor false", "write true or false")
		}
	case reflect.Int:
		i, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
		if err != nil {
			d.fail(n, path, quote(n.Value)+" is not a whole number", "write digits only")
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil || f != f || f-f != 0 {
			d.fail(n, path, quote(n.Value)+" is not a number", "write a number such as 100 or 0.5")
			return
		}
		v.SetFloat(f)
	}
}

var reference = regexp.MustCompile(`\$?\$\{[^}]*\}?`)
var envName = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// expand replaces every ${NAME} by the variable's value; $${ stands for ${.
// What was written is kept, and messages quote that instead of the value.
func (d *decoder) expand(n *yaml.Node, path string) (string, bool) {
	if !strings.Contains(n.Value, "${") {
		return n.Value, true
	}
	d.written[path] = n.Value
	good := true
	out := reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		m := envName.FindStringSubmatch(ref)
		if m == nil {
			good = false
			d.fail(n, path, "a reference is not of the form ${NAME}", "write ${NAME} with letters, digits and _, or $${ for the two characters themselves")
			return ""
		}
		value, set := d.env(m[1])
		if !set {
			good = false
			d.fail(n, path, "the environment variable "+m[1]+" is not set", "set it for this process, or use file:PATH for a secret")
		}
		return value
	})
	return out, good
}

// secret resolves file:PATH and ${NAME}. Nothing of the value goes into a message.
func (d *decoder) secret(n *yaml.Node, path string, v reflect.Value) {
	text, ok := d.expand(n, path)
	if !ok {
		return
	}
	name, isFile := strings.CutPrefix(n.Value, "file:")
	switch {
	case isFile:
		name, _ = strings.CutPrefix(text, "file:")
		data, err := d.readFile(name)
		if err != nil {
			d.fail(n, path, "cannot read the secret: "+plainError(err), "make the file readable for the user the edge runs as, or correct the path")
			return
		}
		text = string(data)
	case text == n.Value && text != "":
		d.warn(path, "a secret stands in the file itself; write file:PATH or ${NAME} instead")
	}
	// A raw key may consist of anything, line ends included.
	if strings.TrimRight(text, "\r\n") == "" && len(text) != keyLen {
		d.fail(n, path, "the secret is empty", "put a value into it or remove the key")
		return
	}
	v.Set(reflect.ValueOf(NewSecret(text)))
}

func plainError(err error) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, err.Error())
}

// quote shows a value as written, bounded, with nothing a terminal would act on.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:77] + "..."
	}
	return strconv.Quote(s)
}
