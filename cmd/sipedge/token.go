package main

import (
	"encoding/json"
	"fmt"

	"github.com/speakops/sipedge/sipedge/admin"
)

type tokenCmd struct {
	Name string `arg:"" placeholder:"NAME" help:"Whose it is; the name is in the log beside every change. One for each person."`
	Role string `enum:"viewer,operator,approver" default:"viewer" placeholder:"ROLE" help:"viewer looks, operator changes, approver also approves cutovers (${default})."`
	JSON bool   `help:"One JSON object with token and hash, for programs."`
}

// Run makes a token. It is shown once and kept nowhere; the configuration holds
// its hash.
func (c *tokenCmd) Run(s streams) error {
	token := admin.NewToken()
	made := struct {
		Name  string `json:"name"`
		Role  string `json:"role"`
		Token string `json:"token"`
		Hash  string `json:"hash"`
	}{c.Name, c.Role, token, admin.Hash(token)}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(made)
	}
	_, err := fmt.Fprintf(s.Out, `token, for %s alone; it is not shown again:

  %s

under admin.tokens of every edge, then reload (SIGHUP):

  - { name: %q, role: %s, hash: "%s" }
`, c.Name, token, c.Name, c.Role, made.Hash)
	return err
}
