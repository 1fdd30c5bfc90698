package message

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func seeds(f *testing.F) {
	for _, raw := range [][]byte{plain(), twilio(), telnyx(), bandwidth(), answer(), invite()} {
		f.Add(raw)
	}
	for _, raw := range torture(f) {
		f.Add(raw)
	}
}

// oracle is sipgo's parser with the headers both sides read; its parser of Via
// lists and of addresses is not part of it, since it bends them.
var oracle = func() *sip.Parser {
	all := sip.DefaultHeadersParser()
	some := make(map[string]sip.HeaderParser)
	for _, n := range []string{"via", "v", "content-length", "l", "cseq", "call-id", "i"} {
		some[n] = all[n]
	}
	return sip.NewParser(sip.WithHeadersParsers(some))
}()

// FuzzParse holds what Parse accepts against itself (a copy and a second
// reading agree) and against sipgo, where sipgo accepts it too.
func FuzzParse(f *testing.F) {
	seeds(f)
	var m, again, kept Message
	f.Fuzz(func(t *testing.T, raw []byte) {
		theirs, theirErr := oracle.ParseSIP(bytes.Clone(raw))
		if err := m.Parse(bytes.Clone(raw)); err != nil {
			refusable(t, &m, err.(*Fault))
			return
		}
		if err := again.Parse(bytes.Clone(m.Raw)); err != nil {
			t.Fatalf("reads once, not twice: %v", err)
		}
		m.CopyTo(&kept)
		for _, o := range []*Message{&again, &kept} {
			if diff := differ(&m, o); diff != "" {
				t.Fatalf("%s differs the second time", diff)
			}
		}
		if theirErr == nil {
			agree(t, &m, theirs)
		}
	})
}

// refusable says that a refusal can be written and holds no loose line end.
func refusable(t *testing.T, m *Message, fault *Fault) {
	if fault.Code == 0 {
		return
	}
	out := m.AppendReply(nil, fault.Code, "", []byte("t"), source, nil)
	head, _, ok := bytes.Cut(out, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("refusal has no end: %q", out)
	}
	loose(t, head)
}

func loose(t reporter, head []byte) {
	head = bytes.ReplaceAll(head, []byte("\r\n"), nil)
	if bytes.ContainsAny(head, "\r\n") {
		t.Fatalf("bare CR or LF in %q", head)
	}
	if i := bytes.IndexByte(head, 0); i > 0 && head[i-1] != '\\' {
		t.Fatalf("NUL in %q", head)
	}
}

func differ(a, b *Message) string {
	for _, c := range []struct {
		what string
		a, b []byte
	}{
		{"method", a.MethodName, b.MethodName}, {"URI", a.URI, b.URI}, {"host", a.Target.Host, b.Target.Host},
		{"user", a.Target.User, b.Target.User}, {"password", a.Target.Password, b.Target.Password}, {"scheme", a.Target.Scheme, b.Target.Scheme},
		{"URI parameters", a.Target.Params, b.Target.Params}, {"transport", a.Via.Transport, b.Via.Transport}, {"sent-by", a.Via.SentBy, b.Via.SentBy},
		{"Via host", a.Via.Host, b.Via.Host}, {"received", a.Via.Received, b.Via.Received}, {"maddr", a.Via.MAddr, b.Via.MAddr},
		{"reason", a.Reason, b.Reason}, {"Call-ID", a.CallID, b.CallID}, {"From tag", a.FromTag, b.FromTag},
		{"To tag", a.ToTag, b.ToTag}, {"Via", a.Via.Value, b.Via.Value}, {"branch", a.Via.Branch, b.Via.Branch},
		{"body", a.Body, b.Body},
	} {
		if !bytes.Equal(c.a, c.b) || (c.a == nil) != (c.b == nil) {
			return c.what
		}
	}
	if a.Method != b.Method || a.CSeq != b.CSeq || a.Status != b.Status || a.MaxForwards != b.MaxForwards || len(a.Headers) != len(b.Headers) {
		return "number"
	}
	for i := range a.Headers {
		g, h := &a.Headers[i], &b.Headers[i]
		if g.Kind != h.Kind || g.start != h.start || !bytes.Equal(g.Name, h.Name) || !bytes.Equal(g.Value, h.Value) {
			return "header " + string(g.Name)
		}
	}
	return ""
}

// agree compares with sipgo's reading.
func agree(t *testing.T, m *Message, theirs sip.Message) {
	check := func(what, ours, other string) {
		t.Helper()
		if ours != other {
			t.Errorf("%s: %q, sipgo reads %q", what, ours, other)
		}
	}
	var headers []sip.Header
	switch o := theirs.(type) {
	case *sip.Request:
		if !m.Request {
			t.Fatal("response, sipgo reads a request")
		}
		check("method", strings.ToUpper(string(m.MethodName)), string(o.Method)) // it writes in capitals
		// sipgo makes something of every URI; only where it finds the same host is the rest comparable.
		if equalFold(m.Target.Scheme, "sip") && o.Recipient.Host == string(m.Target.Host) {
			check("user", string(m.Target.User), o.Recipient.User)
		}
		headers = o.Headers()
	case *sip.Response:
		if m.Request {
			t.Fatal("request, sipgo reads a response")
		}
		check("status", decimal(m.Status), decimal(o.StatusCode))
		headers = o.Headers()
	}
	check("Call-ID", squeeze(string(m.CallID)), squeeze(theirs.CallID().Value()))
	check("CSeq", decimal(int(m.CSeq)), decimal(int(theirs.CSeq().SeqNo)))
	check("body", string(m.Body), string(theirs.Body()))
	plainVia := bytes.IndexByte(m.Value(KVia), ',') < 0 && bytes.IndexByte(m.Value(KVia), '"') < 0
	if via := theirs.Via(); plainVia && via != nil {
		if branch, ok := via.Params.Get("branch"); ok && m.Via.Branch != nil {
			check("branch", string(m.Via.Branch), branch)
		}
	}
	vias := 0
	for _, h := range headers {
		if _, ok := h.(*sip.ViaHeader); ok {
			vias++
		}
	}
	lines := 0
	if !m.Has(KContentLength) && len(m.Body) > 0 {
		vias++ // SetBody adds a Content-Length
	}
	for i := range m.Headers {
		if m.Headers[i].Kind == KVia {
			lines++
		}
	}
	check("number of headers", decimal(len(m.Headers)-lines), decimal(len(headers)-vias))
}

func decimal(n int) string { return string(appendUint(nil, uint64(n))) }

// squeeze makes one blank of many: a fold is two blanks here and one there.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// FuzzRewrite holds every Edit against its promises.
func FuzzRewrite(f *testing.F) {
	for _, raw := range [][]byte{plain(), twilio(), telnyx(), bandwidth(), answer()} {
		for flags := uint16(1); flags != 0; flags <<= 1 {
			f.Add(raw, flags, uint8(flags))
		}
		f.Add(raw, uint16(0xffff), uint8(3))
	}
	for _, raw := range torture(f) {
		f.Add(raw, uint16(0x5a5a), uint8(1))
		f.Add(raw, uint16(0xa5a5), uint8(2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, flags uint16, n uint8) { rewrite(t, raw, flags, n) })
}

func rewrite(t reporter, raw []byte, flags uint16, n uint8) {
	var m, out, same Message
	if m.Parse(raw) != nil {
		return
	}
	first := m.Append(nil, &Edit{MaxForwards: -1})
	if err := same.Parse(bytes.Clone(first)); err != nil {
		t.Fatalf("unchanged, yet: %v\n%q", err, first)
	}
	if second := same.Append(nil, &Edit{MaxForwards: -1}); !bytes.Equal(first, second) {
		t.Fatalf("a second pass changes\n%q\nto\n%q", first, second)
	}
	e := edit(&m, flags, n)
	done := m.Append(nil, &e)
	if err := out.Parse(bytes.Clone(done)); err != nil {
		t.Fatalf("%+v makes %v of\n%q\n%q", e, err, raw, done)
	}
	head, _, _ := bytes.Cut(done, []byte("\r\n\r\n"))
	loose(t, head)
	promises(t, &m, &out, &e)
}

func edit(m *Message, flags uint16, n uint8) Edit {
	on := func(bit int) bool { return flags&(1<<bit) != 0 }
	e := Edit{MaxForwards: -1}
	if on(0) && m.Request {
		e.URI = []byte("sip:new@192.0.2.50")
	}
	if on(0) && !m.Request {
		e.Status = 480
	}
	if on(1) {
		e.PushVia = []byte("SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKnew")
		e.PopVia, e.DropVias = on(2), on(3)
	}
	if on(4) {
		e.Received = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, n}), 5060+uint16(n))
	}
	if on(5) {
		e.MaxForwards = int(n)
	}
	if on(6) {
		e.DropRoutes = int(n)
	}
	e.DropAllRoutes, e.DropRecordRoute = on(7), on(8)
	if on(9) {
		e.PushRoute = []byte("<sip:r@192.0.2.50;lr>")
	}
	if on(10) {
		e.PushRecordRoute = []byte("<sip:rr@192.0.2.50;lr>, <sip:rs@192.0.2.51;lr>")
	}
	if on(11) {
		e.Contact = []byte("<sip:hidden@192.0.2.50>")
	}
	if on(12) {
		e.Strip = NewHeaderSet("X-*", "Subject", "P-Asserted-Identity", "Allow", "Session-Expires", "NewFangledHeader")
	}
	if on(13) {
		e.Add = []byte("Edge-Mark: 1\r\n")
	}
	if on(14) {
		e.Body = bytes.Repeat([]byte("b"), int(n))
	}
	return e
}

func promises(t reporter, m, out *Message, e *Edit) {
	want := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %v, want %v, after %+v\n%q\n%q", what, got, want, *e, m.Raw, out.Raw)
		}
	}
	want("Call-ID", string(out.CallID), string(m.CallID))
	want("tags", string(out.FromTag)+string(out.ToTag), string(m.FromTag)+string(m.ToTag))
	want("CSeq", out.CSeq, m.CSeq)
	want("method", string(out.MethodName), string(m.MethodName))
	body := m.Body
	if e.Body != nil {
		body = e.Body
	}
	want("body", string(out.Body), string(body))
	want("length", string(trim(out.Value(KContentLength))) != "", true)

	vias := m.Count(KVia)
	switch {
	case e.DropVias:
		vias = 0
	case e.PopVia:
		vias--
	}
	if e.PushVia != nil {
		vias++
		want("top Via", string(out.Via.Value), string(e.PushVia))
		if below, ok := out.ViaBelow(); ok && e.Received.IsValid() && !e.PopVia && !e.DropVias {
			want("branch below", string(below.Branch), string(m.Via.Branch))
			want("received", below.Received == nil || string(below.Received) == e.Received.Addr().String(), true)
			want("rport", below.RPort, m.Via.RPort)
		}
	}
	want("Vias", out.Count(KVia), vias)

	routes := m.Count(KRoute) - e.DropRoutes
	if routes < 0 || e.DropAllRoutes {
		routes = 0
	}
	if e.PushRoute != nil {
		routes++
	}
	want("Routes", out.Count(KRoute), routes)
	records := m.Count(KRecordRoute)
	if e.DropRecordRoute {
		records = 0
	}
	if e.PushRecordRoute != nil {
		records += 2
		for v := range out.Values(KRecordRoute) {
			want("top Record-Route", string(v), "<sip:rr@192.0.2.50;lr>")
			break
		}
	}
	want("Record-Routes", out.Count(KRecordRoute), records)
	if e.MaxForwards >= 0 {
		want("hops", out.MaxForwards, e.MaxForwards)
	}
	if e.Contact != nil && m.Has(KContact) {
		want("Contact", string(out.Value(KContact)), string(e.Contact))
		want("Contacts", out.Count(KContact), 1)
	}
	for i := range out.Headers {
		if h := &out.Headers[i]; e.Strip.Has(h) {
			t.Fatalf("%s is left", h.Name)
		}
	}
	want("mark", e.Add == nil || out.Named("edge-mark") != nil, true)
}

// FuzzURI: what is cut lies inside, in order, and says the same when read again.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:bob@example.com", "sips:a:b@[::1]:5061;lr?x=y", "tel:+1202;npdi", "sip:+1;rn=+2@h;user=phone", "urn:x", "sip:@", "sip:a@b@c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ParseURI(b)
		if err != nil {
			return
		}
		if bytes.ContainsAny(b, "\r\n\x00 <>\"") {
			t.Fatalf("%q passes", b)
		}
		if !equalFold(u.Scheme, "sip") && !equalFold(u.Scheme, "sips") {
			return
		}
		text := string(u.Scheme) + ":"
		if u.User != nil {
			text += string(u.User)
			if u.Password != nil {
				text += ":" + string(u.Password)
			}
			text += "@"
		}
		if bytes.IndexByte(u.Host, ':') >= 0 {
			text += "[" + string(u.Host) + "]"
		} else {
			text += string(u.Host)
		}
		if u.Port != 0 {
			text += ":" + decimal(int(u.Port))
		}
		if u.Params != nil {
			text += ";" + string(u.Params)
		}
		if u.Headers != nil {
			text += "?" + string(u.Headers)
		}
		v, err := ParseURI([]byte(text))
		if err != nil || string(v.User) != string(u.User) || string(v.Host) != string(u.Host) || v.Port != u.Port ||
			string(v.Params) != string(u.Params) || string(v.Headers) != string(u.Headers) || string(v.Password) != string(u.Password) {
			t.Fatalf("%q reads as %+v, put together %q as %+v, %v", b, u, text, v, err)
		}
	})
}
