// A provider for tests: anybody may sign in, with any password; groups follow from the name.
//
//   node provider.js REDIRECT_URI      prints its issuer as the first line
import { createServer } from "node:http";
import Provider from "oidc-provider";

const redirect = process.argv[2];
const GROUPS = { anna: ["staff", "csms-operators"], root: ["csms-admins"] };

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "csms",
        client_secret: "a secret with / + and %",
        redirect_uris: [redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"] },
    findAccount: async (_context, id) => ({
      accountId: id,
      claims: async () => ({
        sub: `subject-of-${id}`,
        name: `${id} at the provider`,
        preferred_username: id,
        groups: GROUPS[id] ?? [],
      }),
    }),
    pkce: { required: () => true, methods: ["S256"] },
    cookies: { keys: ["of the tests"] },
    features: { devInteractions: { enabled: true } },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
