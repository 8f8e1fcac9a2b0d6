import { createServer, type Server, Socket } from "node:net";

/** A TCP relay in front of the server whose connections a test can break. */
export async function relay(port: number) {
  const sockets = new Set<Socket>();
  let down = false;
  const server: Server = createServer((near) => {
    if (down) {
      near.destroy();
      return;
    }
    const far = new Socket();
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        (socket === near ? far : near).destroy();
      });
    }
    far.connect(port, "127.0.0.1", () => {
      near.pipe(far);
      far.pipe(near);
    });
  });
  const own = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${own}`,
    /** Break what is open; the next connection works again. */
    cut,
    /** Break what is open, and whatever comes until `up`. */
    down: () => {
      down = true;
      cut();
    },
    up: () => {
      down = false;
    },
    close: () => {
      server.close();
      cut();
    },
  };
}
