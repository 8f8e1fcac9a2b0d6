/** A stretch of network between a server and its Postgres, which a test can damage. */

import { createServer, type Server, type Socket, connect } from "node:net";

export interface Proxy {
  /** The database's URL, through here. */
  readonly url: string;
  /** Close every connection and refuse new ones. */
  cut(): Promise<void>;
  /** Let connections through again. */
  heal(): Promise<void>;
  /** From the moment that a connection sends `text`, nothing that is answered on it arrives. */
  swallowAnswersAfter(text: string): void;
  close(): Promise<void>;
}

/** Listen on a free port and pass everything on to the server of a database's URL. */
export async function startProxy(databaseUrl: string): Promise<Proxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let marker: string | null = null;
  let listener: Server | null = null;
  let port = 0;

  const keep = (socket: Socket, other: () => Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // whoever is at the other end hears of it
    socket.on("close", () => {
      sockets.delete(socket);
      other().destroy();
    });
  };
  const pass = (client: Socket) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    let deaf = false;
    keep(client, () => upstream);
    keep(upstream, () => client);
    client.on("data", (bytes: Buffer) => {
      if (marker !== null && bytes.includes(marker)) deaf = true;
      upstream.write(bytes);
    });
    upstream.on("data", (bytes: Buffer) => void (deaf || client.write(bytes)));
  };
  const heal = () =>
    new Promise<void>((resolve, reject) => {
      listener = createServer(pass);
      listener.on("error", reject);
      listener.listen(port, "127.0.0.1", () => {
        const address = listener?.address();
        if (typeof address === "object" && address !== null) port = address.port;
        resolve();
      });
    });
  const cut = () =>
    new Promise<void>((resolve) => {
      if (listener === null) return resolve();
      listener.close(() => resolve());
      listener = null;
      for (const socket of sockets) socket.destroy();
    });

  await heal();
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  return {
    url: url.href,
    cut,
    heal,
    swallowAnswersAfter: (text) => void (marker = text),
    close: cut,
  };
}
