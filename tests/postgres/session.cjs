// A session of the npm package message-db-connector, as it is; prints what came of each step.
//
// Whatever it is told to connect to, the package connects to localhost:5432. It is given a connection
// of its own kind instead, to the address and with the search path that the test says.
const packages = { paths: [process.env.MESSAGEDB_TEST_PACKAGES] };
const { MessageDbReader, MessageDbWriter, Message, MessageStore } = require(
  require.resolve("message-db-connector", packages),
);
const { DB } = require(require.resolve("message-db-connector/lib/commonjs/message-db", packages));

const pgConnectionConfig = {
  connectionString: process.env.MESSAGEDB_TEST_URL,
  options: process.env.MESSAGEDB_TEST_OPTIONS,
};

async function made(kind) {
  const it = await kind.Make({ pgConnectionConfig });
  it.db = await DB.Make({ pgConnectionConfig });
  return it;
}

const message = (id, streamName, type, data) =>
  new Message({ id, streamName, type, data, metadata: { by: "node" } });

async function main() {
  const store = new MessageStore({
    reader: await made(MessageDbReader),
    writer: await made(MessageDbWriter),
  });
  const shown = ({ id, streamName, type, data, metadata, position, globalPosition, time }) => [
    id, streamName, type, position, globalPosition, data, metadata, time,
  ];
  const fault = async (writing) => writing.then(() => "written", (error) => error.constructor.name);
  const ids = [1, 2, 3, 4].map((n) => `00000000-0000-4000-8000-00000000000${n}`);

  await store.write(message(ids[0], "account-1", "Opened", { n: 1 }), -1);
  await store.write(message(ids[1], "account-1", "Deposited", { n: 2 }));
  await store.write(message(ids[2], "account-2", "Opened", { n: 3 }));
  const wrong = await fault(store.write(message(ids[3], "account-1", "Late", {}), 0));
  const twice = await fault(store.write(message(ids[0], "account-1", "Again", {})));
  const last = await store.getLastMessage("account-1");
  const projection = {
    init: 0,
    name: "sum",
    handlers: { Opened: (sum, m) => sum + m.data.n, Deposited: (sum, m) => sum + m.data.n },
  };
  console.log(
    JSON.stringify({
      wrong,
      twice,
      stream: (await store.getStreamMessages("account-1", 1, 10)).map(shown),
      category: (await store.getStreamMessages("account", 0, 2)).map(shown),
      last: shown(last),
      none: await store.getLastMessage("nobody-1"),
      sum: await store.fetch("account-1", projection),
    }),
  );
}

main();
