package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// settings is the configuration: which edges there are and how to ask them.
type settings struct {
	Default string  `yaml:"default"`
	Edges   []place `yaml:"edges"`

	folder string // of the file, where relative names start
}

// place is one edge.
type place struct {
	Name  string `yaml:"name"`
	URL   string `yaml:"url"`
	Token string `yaml:"token"` // file:PATH, ${ENV}, or itself in a file that only its owner reads
	CA    string `yaml:"ca"`    // who signed the edge's certificate; empty: whom this machine trusts
	Cert  string `yaml:"cert"`  // our own, where admin.tls.client_ca asks for one
	Key   string `yaml:"key"`
}

// readSettings reads the file named, or the user's own if there is one.
func readSettings(name string) (*settings, error) {
	if name == "" {
		home, err := os.UserConfigDir()
		if err != nil {
			return &settings{}, nil // an account without a home has no file either
		}
		name = filepath.Join(home, "cutoverctl.yaml")
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return &settings{}, nil
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, badUsage{err}
	}
	s := &settings{folder: filepath.Dir(name)}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return nil, badUsage{fmt.Errorf("%s: %w", name, err)}
	}
	return s, s.check(name)
}

func (s *settings) check(name string) error {
	seen := map[string]bool{}
	var wrong []error
	for i, e := range s.Edges {
		switch {
		case e.Name == "" || e.URL == "":
			wrong = append(wrong, fmt.Errorf("%s: edges[%d]: an edge has a name and a url", name, i))
		case seen[e.Name]:
			wrong = append(wrong, fmt.Errorf("%s: edges[%d]: %s is there twice; give each its own name", name, i, e.Name))
		}
		seen[e.Name] = true
		if e.Token != "" && !strings.HasPrefix(e.Token, "file:") && !strings.HasPrefix(e.Token, "${") && loose(name) {
			wrong = append(wrong, fmt.Errorf("%s: edges[%d].token: others can read this file; chmod 600 it, or write file:PATH or ${ENV}", name, i))
		}
	}
	if s.Default != "" && !seen[s.Default] {
		wrong = append(wrong, fmt.Errorf("%s: default: %s is no edge of this file", name, s.Default))
	}
	if len(wrong) > 0 {
		return badUsage{errors.Join(wrong...)}
	}
	return nil
}

// loose says that a file is not its owner's alone.
func loose(name string) bool {
	info, err := os.Stat(name)
	return err != nil || info.Mode().Perm()&0o077 != 0
}

// find is the edge that is asked: by name, by address, or the default.
func (s *settings) find(edge string) place {
	if edge == "" {
		edge = s.Default
	}
	for _, e := range s.Edges {
		if e.Name == edge || e.URL == edge || edge == "" {
			return e
		}
	}
	if edge == "" {
		edge = "http://127.0.0.1:8080"
	}
	return place{Name: edge, URL: edge}
}

func (s *settings) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.folder, name)
}

// token reads what stands for the token.
func (s *settings) token(e place) (string, error) {
	if name, ok := strings.CutPrefix(e.Token, "file:"); ok {
		text, err := os.ReadFile(s.path(name))
		if err != nil {
			return "", badUsage{fmt.Errorf("token of %s: %w", e.Name, err)}
		}
		return strings.TrimSpace(string(text)), nil
	}
	if name, ok := strings.CutPrefix(e.Token, "${"); ok {
		name = strings.TrimSuffix(name, "}")
		text := os.Getenv(name)
		if text == "" {
			return "", badUsage{fmt.Errorf("token of %s: the environment variable %.40s is not set", e.Name, name)}
		}
		return text, nil
	}
	return e.Token, nil
}

// tls is how to know the edge, and be known; nil for what this machine trusts.
func (s *settings) tls(e place) (*tls.Config, error) {
	if e.CA == "" && e.Cert == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CA != "" {
		text, err := os.ReadFile(s.path(e.CA))
		if err != nil {
			return nil, badUsage{err}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, badUsage{fmt.Errorf("%s holds no certificate", e.CA)}
		}
	}
	if e.Cert != "" {
		pair, err := tls.LoadX509KeyPair(s.path(e.Cert), s.path(e.Key))
		if err != nil {
			return nil, badUsage{err}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
