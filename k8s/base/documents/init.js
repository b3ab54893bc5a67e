// Makes the members one replica set, and the user of the jobs; what is there already is left, but for its password.
const { ADMIN_USERNAME, ADMIN_PASSWORD, MEMBERS, MONGODB_DATABASE = "headrace", REPLICA_SET } = process.env;
const members = MEMBERS.split(",").map((name, _id) => ({ _id, host: `${name}:27017` }));
const who = `${encodeURIComponent(ADMIN_USERNAME)}:${encodeURIComponent(ADMIN_PASSWORD)}`;

const first = connect(`mongodb://${who}@${members[0].host}/admin?directConnection=true`);
try {
  first.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  first.adminCommand({ replSetInitiate: { _id: REPLICA_SET, members } });
}

const hosts = members.map((each) => each.host).join(",");
const admin = connect(`mongodb://${who}@${hosts}/admin?replicaSet=${REPLICA_SET}`); // waits for a primary
const roles = ["readWrite", "dbAdmin"].map((role) => ({ role, db: MONGODB_DATABASE })); // dbAdmin declares schemas
const user = process.env.MONGODB_USERNAME;
const said = { pwd: process.env.MONGODB_PASSWORD, roles };
if (admin.getUser(user)) admin.updateUser(user, said);
else admin.createUser({ user, ...said });
print(`${REPLICA_SET}: ${members.length} members; ${user} may write ${MONGODB_DATABASE}`);
