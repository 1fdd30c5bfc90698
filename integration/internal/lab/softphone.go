package lab

import (
	"bytes"
	le "encoding/binary" // the lab has a binary of its own
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Softphone is one running baresip: SIP, SDP, SRTP and DTLS of people who have
// never heard of this program. It plays a tone and keeps what it hears.
type Softphone struct {
	*Process
	lab *Lab
	dir string
}

// SoftphoneAt starts a softphone on a port. It plays hertz for two seconds once it
// is in a call, hangs up at the end of that, and seals its media as encryption says,
// in baresip's words: srtp-mand, dtls_srtp. It answers whoever calls user, unless dial
// is a SIP URI to call.
func (l *Lab) SoftphoneAt(port int, user, encryption string, hertz float64, dial string) *Softphone {
	l.T.Helper()
	dir := l.file(fmt.Sprintf("%02d-baresip", l.runs.Add(1)))
	media := freePorts(l.T, 12)
	for name, text := range map[string]string{
		"tone.wav": string(wav(hertz, 2*time.Second)),
		"contacts": "",
		"accounts": fmt.Sprintf("<sip:%s@127.0.0.1:%d;transport=udp>;regint=0;answermode=auto;audio_codecs=PCMU;mediaenc=%s\n", user, port, encryption),
		"config": strings.Join([]string{
			fmt.Sprintf("sip_listen 127.0.0.1:%d", port),
			"net_interface 127.0.0.1",
			fmt.Sprintf("rtp_ports %d-%d", media, media+11),
			"audio_source aufile," + filepath.Join(dir, "tone.wav"),
			"audio_srate 8000-8000",
			"snd_path " + dir, // sndfile.so writes what was heard there
			"module_path /usr/lib/baresip/modules",
			"module g711.so", "module aufile.so", "module sndfile.so", "module srtp.so", "module dtls_srtp.so",
			"module_tmp account.so", "module_app menu.so", "",
		}, "\n"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			l.T.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			l.T.Fatal(err)
		}
	}
	argv := []string{"baresip", "-4", "-s", "-f", dir, "-t", "40"}
	if dial != "" {
		argv = append(argv, "-e", "/dial "+dial)
	}
	p := &Softphone{lab: l, dir: dir}
	p.Process = start(l.T, "baresip "+user, dir, filepath.Join(dir, "baresip.log"), nil, argv...)
	l.show(p.Out)
	p.Has("baresip is ready")
	return p
}

// Has waits until the softphone has said a text.
func (p *Softphone) Has(text string) {
	p.lab.T.Helper()
	Until(p.lab.T, 20*time.Second, fmt.Sprintf("%q from %s", text, p.Name), func() bool {
		if p.Ended() {
			p.lab.T.Fatalf("lab: %s has ended: %s", p.Name, p.Text())
		}
		return strings.Contains(p.Text(), text)
	})
}

// SDP is the body of the first message beginning so that has one, line by line, as
// the softphone sent or took it.
func (p *Softphone) SDP(beginning string) (lines []string) {
	for _, message := range strings.Split(strings.ReplaceAll(p.Text(), "\r\n", "\n"), "\n"+beginning)[1:] {
		message, _, _ = strings.Cut(message, "\x1b[;m") // the colours of its trace
		if _, body, found := strings.Cut(message, "\n\nv=0\n"); found {
			return strings.Split(strings.TrimSpace(body), "\n")
		}
	}
	p.lab.T.Fatalf("%s has no %q with a body:\n%s", p.Name, beginning, p.Text())
	return nil
}

// Heard is what the softphone's decoder made of the other end's packets.
func (p *Softphone) Heard() (pcm []int16) {
	p.lab.T.Helper()
	names, _ := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if len(names) != 1 {
		p.lab.T.Fatalf("%s has heard nothing: recordings %q\n%s", p.Name, names, p.Text())
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		p.lab.T.Fatal(err)
	}
	_, samples, _ := bytes.Cut(b, []byte("data"))
	for i := 4; i+1 < len(samples); i += 2 { // behind its length
		pcm = append(pcm, int16(le.LittleEndian.Uint16(samples[i:])))
	}
	return pcm
}

// wav is a tone as a file: one channel, 8 kHz, 16 bits, a quarter of full scale.
func wav(hertz float64, long time.Duration) []byte {
	const rate = 8000
	n := int(long.Seconds() * rate)
	le := le.LittleEndian
	b := append(le.AppendUint32([]byte("RIFF"), uint32(36+2*n)), "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), 1) // PCM, one channel
	b = le.AppendUint32(le.AppendUint32(b, rate), 2*rate)
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), uint32(2*n))
	for i := range n {
		b = le.AppendUint16(b, uint16(int16(math.Sin(2*math.Pi*hertz*float64(i)/rate)*8191)))
	}
	return b
}
