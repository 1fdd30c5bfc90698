package configs

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Whatever way a configuration is printed, no secret comes out.
func TestSecretsAreNeverShown(t *testing.T) {
	h := newHost(t)
	for name, text := range h.files { // the same word everywhere, so that one search finds them all
		if strings.HasSuffix(name, "password") || strings.HasSuffix(name, "secret") {
			h.files[name] = strings.ReplaceAll(text, "hunter2", "correct-horse")
		}
	}
	h.env["REDIS_PASSWORD"], h.env["PASSWORD"] = "correct-horse", "correct-horse"
	for _, file := range []string{"edge.example.yaml", "testdata/every-key.yaml", "two-gateways.yaml"} {
		edge, _, err := h.parse(file, read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		var dumps []string
		asYAML, err := yaml.Marshal(edge)
		dumps = append(dumps, string(asYAML))
		if err != nil {
			t.Error(err)
		}
		asJSON, err := json.Marshal(edge)
		dumps = append(dumps, string(asJSON))
		if err != nil {
			t.Error(err)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "edge", edge, "password", edge.Redis.Password)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "edge", edge, "password", edge.Redis.Password)
		dumps = append(dumps, log.String())
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			dumps = append(dumps, fmt.Sprintf(verb, edge), fmt.Sprintf(verb, *edge), fmt.Sprintf(verb, edge.Redis.Password),
				fmt.Sprintf(verb, edge.Redis), fmt.Sprintf(verb, edge.Edge.TokenKeys))
		}
		for _, dump := range dumps {
			for _, secret := range []string{"correct-horse", hex.EncodeToString([]byte("correct-horse")), "BEGIN PRIVATE", "abababab", "000102030405"} {
				if strings.Contains(dump, secret) {
					t.Errorf("%s: %q is in %.300s", file, secret, dump)
				}
			}
		}
		if file == "edge.example.yaml" && !strings.Contains(string(asYAML), redacted) {
			t.Error("a dump does not say that there is a secret")
		}
	}
}

func TestSecretsAreThere(t *testing.T) {
	edge, _, err := newHost(t).parse("edge.example.yaml", read(t, "edge.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := edge.Redis.Password.Reveal(); got != "hunter2" {
		t.Errorf("the environment's password is %q", got)
	}
	if got := edge.Redis.Writer.Password.Reveal(); got != "hunter2" {
		t.Errorf("the file's password is %q: its line end is not part of it", got)
	}
	o, err := edge.Redis.Options()
	if err != nil || o.Password != "hunter2" || o.Username != "sipedge-reader" || o.IsClusterMode || o.MasterName != "" || o.ReadOnly {
		t.Errorf("options %+v %v", o, err)
	}
	w, ok, err := edge.Redis.WriterOptions()
	if err != nil || !ok || w.Username != "sipedge-writer" || w.Addrs[0] != "127.0.0.1:6379" {
		t.Errorf("writer options %+v %v %v", w, ok, err)
	}
}

func TestKey(t *testing.T) {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(255 - i)
	}
	for _, text := range []string{
		string(raw), string(raw) + "\n", hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)) + "\r\n",
		base64.StdEncoding.EncodeToString(raw) + "\n", base64.RawURLEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw),
	} {
		if key, err := NewSecret(text).Key(); err != nil || !bytes.Equal(key[:], raw) {
			t.Errorf("%q: %x %v", text, key, err)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("x", 33), strings.Repeat("a", 62), strings.Repeat("z", 64)} {
		_, err := NewSecret(text).Key()
		if err == nil {
			t.Errorf("%q is taken for a key", text)
		} else if len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}
