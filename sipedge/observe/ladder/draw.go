package ladder

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// firstLine is what a message is, in a few words: the method and whom it asks
// for, or the code and what it answers.
func firstLine(raw []byte) string {
	line, _, _ := bytes.Cut(raw, []byte("\r\n"))
	first, rest, _ := bytes.Cut(line, []byte(" "))
	if !bytes.HasPrefix(first, []byte("SIP/2.0")) {
		uri, _, _ := bytes.Cut(rest, []byte(" "))
		return clean(string(first) + " " + userOf(string(uri)))
	}
	text := string(rest)
	if method := methodOf(raw); method != "" && method != "INVITE" {
		text += " (" + method + ")"
	}
	return clean(text)
}

// userOf is the user part of a URI, when it is short enough to be one, else its host.
func userOf(uri string) string {
	_, at, ok := strings.Cut(uri, ":")
	if !ok {
		return ""
	}
	user, host, ok := strings.Cut(at, "@")
	if !ok || len(user) > 24 {
		if !ok {
			host = user
		}
		user, _, _ = strings.Cut(host, ";")
	}
	user, _, _ = strings.Cut(user, ";")
	return user
}

// methodOf is the method in CSeq.
func methodOf(raw []byte) string {
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if len(line) == 0 {
			break
		}
		if ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("CSeq")) {
			if f := bytes.Fields(value); len(f) == 2 {
				return string(f[1])
			}
		}
	}
	return ""
}

// clean makes a text from the wire fit for a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || r == 0x7f || r > 0x7e && r < 0xa0 || r >= 0x200b && r <= 0x206f {
			return '?'
		}
		return r
	}, s)
}

const (
	timeWidth   = 11
	columnWidth = 30
	maxColumns  = 8
)

// Draw writes a ladder for people: one column for each side, times from the
// beginning of the call, decisions between the arrows, and below every arrow its
// message when bodies asks for it.
func (l *Ladder) Draw(w io.Writer, bodies bool) error {
	var b bytes.Buffer
	l.head(&b)
	columns := l.columns()
	fmt.Fprintf(&b, "\n%*s", timeWidth+2, "")
	for _, name := range columns {
		b.WriteString(centred(name, columnWidth))
	}
	b.WriteByte('\n')
	if l.Lost > 0 {
		fmt.Fprintf(&b, "%*s  ... %d messages before this had no room and are gone\n", timeWidth, "", l.Lost)
	}
	for i := range l.Steps {
		s := &l.Steps[i]
		fmt.Fprintf(&b, "%*s  ", timeWidth, since(s.AfterUS))
		if s.Note != "" {
			b.WriteString(note(columns, clean(s.Note)) + "\n")
			continue
		}
		from, to := slices.Index(columns, s.Who), slices.Index(columns, "edge")
		if s.Out {
			from, to = to, from
		}
		text := s.Line
		if s.Again {
			text += " again"
		}
		b.WriteString(lane(columns, from, to, text))
		b.WriteByte('\n')
		if bodies {
			body(&b, s)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (l *Ladder) head(b *bytes.Buffer) {
	fmt.Fprintf(b, "call %s  %s  %s\n", l.Call.Call, l.Begun.UTC().Format("2006-01-02 15:04:05.000 UTC"), l.State)
	fmt.Fprintf(b, "     %s -> %s  trunk %s", or(clean(l.Caller), "anonymous"), or(clean(l.PublicNumber), "no number"), or(l.Trunk, "none"))
	if l.Decision != "" {
		fmt.Fprintf(b, "\n     %s because %s", l.Decision, l.Because)
		if l.Route != "" {
			fmt.Fprintf(b, ", route %s (%s)", l.Route, l.RoutingAuthority)
		}
	}
	if l.Code != 0 {
		fmt.Fprintf(b, "\n     %s %d", l.Outcome, l.Code)
		if l.Gateway != "" {
			fmt.Fprintf(b, " by gateway %s", l.Gateway)
		}
		if l.Reason != "" {
			fmt.Fprintf(b, ": %s", clean(l.Reason))
		}
	}
	b.WriteByte('\n')
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// columns are the sides in order: the trunk, the edge, then gateways as they come.
func (l *Ladder) columns() []string {
	list := []string{or(l.Trunk, ""), "edge"}
	for i := range l.Steps {
		if s := &l.Steps[i]; s.Note == "" && !slices.Contains(list, s.Who) {
			if list[0] == "" {
				list[0] = s.Who
			} else if len(list) < maxColumns {
				list = append(list, s.Who)
			}
		}
	}
	return list
}

// lane draws one line: a stroke for every side, and an arrow with its text
// between two of them.
func lane(columns []string, from, to int, text string) string {
	line := []rune(strings.Repeat(" ", columnWidth*len(columns)))
	mid := func(i int) int { return i*columnWidth + columnWidth/2 }
	for i := range columns {
		line[mid(i)] = '|'
	}
	if from < 0 || to < 0 {
		return strings.TrimRight(string(line), " ")
	}
	left, right := mid(min(from, to)), mid(max(from, to))
	for i := left + 1; i < right; i++ {
		line[i] = '-'
	}
	if from < to {
		line[right-1] = '>'
	} else {
		line[left+1] = '<'
	}
	room := right - left - 5
	label := []rune(text)
	if len(label) > room {
		label = append(label[:max(0, room-1)], '~')
	}
	label = append(append([]rune{' '}, label...), ' ')
	copy(line[left+3:right-1], label)
	return strings.TrimRight(string(line), " ")
}

// note writes what was decided from the edge's column on.
func note(columns []string, text string) string {
	line := []rune(lane(columns, -1, -1, ""))
	at := columnWidth + columnWidth/2
	return string(line[:at]) + "* " + text
}

func body(b *bytes.Buffer, s *Step) {
	fmt.Fprintf(b, "%*s  %s %s %s\n", timeWidth, "", s.Transport, map[bool]string{true: "to", false: "from"}[s.Out], s.Peer)
	for line := range strings.SplitSeq(strings.TrimRight(s.Text, "\r\n"), "\n") {
		fmt.Fprintf(b, "%*s  : %s\n", timeWidth, "", clean(strings.TrimRight(line, "\r")))
	}
	if s.Cut {
		fmt.Fprintf(b, "%*s  : ... the rest was too long to keep\n", timeWidth, "")
	}
}

func centred(s string, width int) string {
	s = clean(s)
	if n := utf8.RuneCountInString(s); n > width-2 {
		s = string([]rune(s)[:width-2])
	}
	left := (width - utf8.RuneCountInString(s) + 1) / 2
	return fmt.Sprintf("%*s%s%*s", left, "", s, max(0, width-left-utf8.RuneCountInString(s)), "")
}

// since writes a time into the call as 0.000 or 1:02.345.
func since(us int64) string {
	d := time.Duration(us) * time.Microsecond
	if d >= time.Minute {
		return fmt.Sprintf("%d:%06.3f s", d/time.Minute, (d % time.Minute).Seconds())
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}
